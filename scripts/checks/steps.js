/** All steps of `npm test`. Those of a lane run in this order: quick ones first, for a mistake shows the sooner. */
import { addonSanitize, addonThreads } from './addon-sanitize.js';
import { apiDocs } from './api-docs.js';
import { biome } from './biome.js';
import { clangTidy } from './clang-tidy.js';
import { corpus, fuzzers } from './corpus.js';
import { cppFormat } from './cpp-format.js';
import { cppSanitize, cppTests, cppThreads } from './cpp-tests.js';
import { imports } from './imports.js';
import { installed } from './installed.js';
import { packaged } from './packaged.js';
import { knownFaults, simulation } from './simulation.js';
import { commands, endToEnd, unit } from './suites.js';
import { types } from './types.js';

/** @import { Step } from './step.js' */

/** @type {readonly Step[]} */
export const steps = [
  biome,
  cppFormat,
  types,
  imports,
  apiDocs,
  packaged,
  cppTests,
  cppSanitize,
  cppThreads,
  simulation,
  knownFaults,
  corpus,
  fuzzers,
  clangTidy,
  installed,
  commands,
  unit,
  addonSanitize,
  addonThreads,
  endToEnd,
];
