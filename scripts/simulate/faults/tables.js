/** What the loops pick by, and when what was there before may go. */
import { edit } from './edit.js';

/** @import { Fault } from '../faults.js' */

/** @type {readonly Fault[]} */
export const tableFaults = [
  {
    name: 'addresses freed under a session',
    why: 'A session that connects reads memory that is gone, since other addresses were published meanwhile.',
    edits: [edit('select/held_tables.cc', '  ++kept.holders;\n', '  kept.holders += 0;\n')],
  },
  {
    name: 'tables that a loop never takes',
    why: 'One loop goes on with the backends of yesterday.',
    edits: [
      edit(
        'engine/worker.cc',
        'if (tables == nullptr) Post(PublishCommand{});',
        'if (tables != nullptr) Post(PublishCommand{});',
      ),
    ],
  },
  {
    name: 'tables acknowledged and not taken',
    why: 'A client is sent to a backend that was removed long before it came.',
    edits: [
      edit(
        'engine/worker.cc',
        'tables_.Take(std::move(next));',
        'taken_generation_.store(next->generation(), std::memory_order_release);',
      ),
      edit(
        'engine/worker.cc',
        'if (latest == taken_generation()) return;',
        'if (latest <= taken_generation()) return;',
      ),
    ],
  },
  {
    name: 'row vacant with a session on its way',
    why: 'A session of the backend that was removed is counted for the next one in its row.',
    edits: [
      edit('engine/crew.cc', ' || table.Row(row).in_use() > 0) return false;', ') return false;'),
    ],
  },
  {
    name: 'row vacant before the loops know',
    why: 'A backend gets clients that were meant for the one that had its row before.',
    edits: [edit('engine/crew.cc', 'TakenGeneration() < removed ||', 'removed == 0 ||')],
  },
];
