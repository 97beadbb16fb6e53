/** docs/closing.md, row by row, where it copies: what is held is in memory. */
import { describeClosing } from './helpers/closing.js';

describeClosing({ engine: 'native', transfer: 'copy' });
