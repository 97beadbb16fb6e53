/** Which backend of its pool a client is sent to: tiers, and backends that are down. */
import { edit } from './edit.js';

/** @import { Fault } from '../faults.js' */

/** @type {readonly Fault[]} */
export const policyFaults = [
  {
    name: 'down backend tried while another is up',
    why: 'Clients wait for a backend that does not answer, though one would.',
    edits: [
      edit(
        'select/walk.cc',
        'if (table.Row(row).state() == BackendState::kUp) return true;',
        'if (table.Row(row).state() > BackendState::kDown) return true;',
      ),
    ],
  },
  {
    name: 'down backends tried where that is not wanted',
    why: 'A backend that its checks have found to be wrong gets clients as soon as it is the last.',
    edits: [
      edit(
        'select/walk.cc',
        'if (takes_down() || !tiers.tries_down()) return false;',
        'if (takes_down() || tiers.size() == 0) return false;',
      ),
    ],
  },
  {
    name: 'draining backend tried where none is up',
    why: 'A backend that an operator wants empty gets clients when the others are down.',
    edits: [
      edit(
        'engine/worker_backends.cc',
        'if (entry != BackendRow::Entry::kCounted) {',
        'if (entry == BackendRow::Entry::kFull || (entry != BackendRow::Entry::kCounted && !how.takes_down)) {',
      ),
    ],
  },
  {
    name: 'down backends never tried',
    why: 'Checks that fail for a reason of their own take the whole service away.',
    edits: [
      edit(
        'select/walk.cc',
        'if (takes_down() || !tiers.tries_down()) return false;',
        'if (!takes_down() || tiers.size() > 0) return false;',
      ),
    ],
  },
  {
    name: 'first tier taken for the last',
    why: 'Backups get the clients of a pool that is well.',
    edits: [
      edit(
        'engine/worker_backends.cc',
        '*pool.tiers, 0, client));',
        '*pool.tiers, pool.tiers->size() - 1, client));',
      ),
      edit(
        'engine/worker_backends.cc',
        '(*pool.tiers)[0].RowAt(session.route.place);',
        '(*pool.tiers)[pool.tiers->size() - 1].RowAt(session.route.place);',
      ),
    ],
  },
  {
    name: 'tier left after one look',
    why: 'A client gets to a backup when the first backend that it meets is down.',
    edits: [edit('select/walk.cc', 'while (left_ > 0) {', 'while (left_ > 0 && steps_ < 1) {')],
  },
  {
    name: 'last tier forgotten',
    why: 'A client is sent away though a backup is up.',
    edits: [
      edit(
        'select/walk.cc',
        'if (tier_ + std::size_t{1} < tiers.size()) {',
        'if (tier_ + std::size_t{2} < tiers.size()) {',
      ),
    ],
  },
];
