/** Sessions that the owner ends, all those of a backend or of a listener. */
import { edit } from './edit.js';

/** @import { Fault } from '../faults.js' */

/** @type {readonly Fault[]} */
export const endingFaults = [
  {
    name: 'sessions of other backends ended',
    why: 'A backend is taken out of service, and clients of all others are cut off.',
    edits: [edit('engine/session_sweep.cc', ' && session.backend() == backend);', ');')],
  },
  {
    name: 'sessions of other listeners ended',
    why: 'A listener is removed, and clients of all others are cut off.',
    edits: [
      edit(
        'engine/session_sweep.cc',
        'session.listener() != listener',
        'session.listener() == kNoRow',
      ),
    ],
  },
  {
    name: 'only the first sessions ended',
    why: 'A turn ends as many sessions as it may, and no other turn ends the rest.',
    edits: [
      edit(
        'engine/worker_sweep.cc',
        'NoteSweepsOver();\n  if (!sweep_.is_over() || !lister_.is_over()) loop_->Enqueue(*this);\n}\n\n/// Looks',
        'NoteSweepsOver();\n  if (!lister_.is_over()) loop_->Enqueue(*this);\n}\n\n/// Looks',
      ),
    ],
  },
  {
    name: 'round left too early',
    why: 'Who asks while others look is done when they are, with the slots before unseen.',
    edits: [edit('engine/session_sweep.cc', '.from = slot_', '.from = 0')],
  },
  {
    name: 'session on its way ended',
    why: 'A client is cut off that another backend would have served.',
    edits: [
      edit('engine/worker_sweep.cc', 'asked.backend == kNoRow || session.is_open()', 'cost > 0'),
    ],
  },
  {
    name: 'session on its way kept',
    why: 'It opens at the backend that was to be empty.',
    edits: [
      edit(
        'engine/worker_sweep.cc',
        'session.TurnBack();\n      GiveUpPlace(session);',
        'cost -= kCostOfLook;',
      ),
    ],
  },
];
