/** docs/closing.md, row by row, where the native engine splices: what is held is in a pipe. */
import { describeClosing } from './helpers/closing.js';

describeClosing({ engine: 'native', transfer: 'splice' });
