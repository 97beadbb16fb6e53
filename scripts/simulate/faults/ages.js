/** Faults of the end of sessions that have lived for too long. */

import { edit } from './edit.js';

/** @import { Fault } from '../faults.js' */

/** @type {readonly Fault[]} */
export const ageFaults = [
  {
    name: 'age that nobody looks at',
    why: 'A session that was in use when it came of age lives until its grace is over.',
    edits: [edit('session/session.cc', 'deadline = std::min(deadline, NextLookAtAge());\n', '')],
  },
  {
    name: 'age reached too soon',
    why: 'Sessions live for half the time that they were given.',
    edits: [
      edit(
        'session/session_age.cc',
        'context_->loop.now_ms() + age_ms - jitter_ms',
        'context_->loop.now_ms() + age_ms / 2 - jitter_ms',
      ),
    ],
  },
  {
    name: 'rest of a client that waits for an answer',
    why: 'A session that is due ends in the middle of a query that takes a second.',
    edits: [
      edit(
        'session/session_age.cc',
        'return !client_spoke_last_ && !half_closed()',
        'return !half_closed()',
      ),
    ],
  },
  {
    name: 'rest that begins at once',
    why: 'A session that is due ends between two messages of one answer.',
    edits: [
      edit(
        'session/session_age.cc',
        '(since_ms_ + kRestMs, due_ms_, latest)',
        '(since_ms_, due_ms_, latest)',
      ),
    ],
  },
  {
    name: 'grace without an end',
    why: 'A session that never rests lives for ever, whatever its pool says.',
    edits: [
      edit('session/session_age.cc', 'due_ms_, latest) : latest;', 'due_ms_, latest) : kNever;'),
    ],
  },
  {
    name: 'quota that nobody takes from',
    why: 'All idle sessions of a backend end at once, and their clients come back in a crowd.',
    edits: [
      edit(
        'engine/worker_sweep.cc',
        'return session.EndAtRest(asked.rest_ms) ? asked.quota->Use() : asked.quota->GiveBack();',
        'static_cast<void>(session.EndAtRest(asked.rest_ms));\n        return asked.quota->GiveBack();',
      ),
    ],
    among: 'stayers',
  },
];
