/** Live sessions that an operator lists, and ends by their names. */
import { edit } from './edit.js';

/** @import { Fault } from '../faults.js' */

/** @type {readonly Fault[]} */
export const listingFaults = [
  {
    name: 'list complete with the first loop',
    why: 'An operator sees the sessions of one loop, and takes them for all.',
    edits: [edit('engine/session_list.cc', 'loops_left_(loops)', 'loops_left_(loops > 0 ? 1 : 0)')],
  },
  {
    name: 'last slot left out of a list',
    why: 'A session lives, and nobody can see or end it.',
    edits: [
      edit(
        'engine/session_list.cc',
        'return looks_ < list.looks() &&',
        'return looks_ + 1 < list.looks() &&',
      ),
    ],
  },
  {
    name: 'sample that is of all',
    why: 'Every scrape asks the kernel about each connection that there is.',
    edits: [
      edit(
        'engine/session_list.cc',
        '(most == 0 || written_ < most)',
        '(most == 0 || written_ + 1 > 0)',
      ),
    ],
  },
  {
    name: 'figures of the wrong side',
    why: 'An operator looks for lost packets where none are lost.',
    edits: [
      edit(
        'session/session_look.cc',
        'return is_open() ? sys::FiguresOf(backend_.socket.get())',
        'return is_open() ? sys::FiguresOf(client_.socket.get())',
      ),
    ],
  },
  {
    name: 'rest of a list forgotten',
    why: 'A turn lists as many sessions as it may, and whoever has asked waits for ever.',
    edits: [
      edit(
        'engine/worker_sweep.cc',
        'if (!sweep_.is_over() || !lister_.is_over()) loop_->Enqueue(*this);',
        'if (!sweep_.is_over()) loop_->Enqueue(*this);',
      ),
    ],
  },
  {
    name: 'session listed that has ended',
    why: 'The memory of a session is read before the session begins there, or after its end.',
    edits: [edit('engine/worker_list.cc', 'if (!session.alive()) return kCostOfLook;\n', '')],
  },
  {
    name: 'slot listed as the name of its session',
    why: 'An operator ends a session, and cuts off another one that has the slot by then.',
    edits: [edit('engine/worker_list.cc', 'crew_.slab.NameOf(slot).generation', '0')],
  },
  {
    name: 'age listed since the last byte',
    why: 'Sessions of weeks are shown as new, and are not found by who looks for them.',
    edits: [
      edit(
        'session/session_look.cc',
        'const std::uint64_t high = began_high_;\n  return context_->loop.now_ms() - (high << kMsBits / 2 | began_low_);',
        'return context_->loop.now_ms() - since_ms_;',
      ),
    ],
  },
  {
    name: 'directions swapped in a list',
    why: 'Whoever looks for the client that uploads finds the one that downloads.',
    edits: [
      edit(
        'engine/session_list.cc',
        'record.bytes_upstream = session.moved().bytes_upstream',
        'record.bytes_upstream = session.moved().bytes_downstream',
      ),
    ],
  },
];
