import { hash } from 'node:crypto';
import type { Placed } from './candidate.js';

/** Bytes of a digest for one number: as many as a number of JavaScript holds. */
const NUMBER_BYTES = 6;

/** A backend that takes slots. */
interface Member {
  /** In the list that was given. */
  readonly place: number;
  readonly weight: number;
  /** Slots that it is to have. */
  quota: number;
  /** The slot that it would like next, and the way from there to the one after it. */
  slot: number;
  readonly skip: number;
}

/**
 * The lookup table of Maglev (D. E. Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI
 * 2016, section 3.4): each backend has all slots in an order of its own, and they take turns at taking the next one that
 * is free. When a backend leaves, its own slots are taken by the others, and few else change.
 *
 * It depends on names and weights alone, and not on their order, so that machines agree. The first six bytes of the SHA-256
 * of a name are where a backend begins, and the next six how far it is from slot to slot.
 *
 * Weights are as in Envoy (`maglev_lb.cc`): in each round of turns only those take part whose share is due, and everybody
 * in the first. A backend stops at its share of slots, which is exact but for the rounding to whole ones.
 *
 * @param backends 65,535 at most, no name twice
 * @param slots a prime number, more than there are backends
 * @returns of each slot the place of its backend in `backends`
 */
export function maglevTable(
  backends: readonly Pick<Placed, 'name' | 'weight'>[],
  slots: number,
): Uint16Array {
  const groups = byWeight(membersOf(backends, slots));
  const most = Math.max(...groups.map(([weight]) => weight));
  const table = new Uint16Array(slots);
  const isTaken = new Uint8Array(slots);
  let left = slots;
  for (let round = 0; left > 0; round++) {
    for (const [weight, members] of groups) {
      const isDue = Math.ceil(((round + 1) * weight) / most) > Math.ceil((round * weight) / most);
      if (!isDue) continue;
      for (const member of members) {
        if (member.quota === 0) continue;
        if (left === 0) break;
        while (isTaken[member.slot] === 1) advance(member, slots);
        isTaken[member.slot] = 1;
        table[member.slot] = member.place;
        member.quota -= 1;
        left -= 1;
      }
    }
  }
  return table;
}

function advance(member: Member, slots: number): void {
  const next = member.slot + member.skip;
  member.slot = next < slots ? next : next - slots;
}

/** In the order of their names. */
function membersOf(
  backends: readonly Pick<Placed, 'name' | 'weight'>[],
  slots: number,
): readonly Member[] {
  const members = [...backends.entries()]
    .sort(([, one], [, other]) => (one.name < other.name ? -1 : 1))
    .map(([place, { name, weight }]): Member => {
      const digest = hash('sha256', name, 'buffer');
      const slot = digest.readUIntBE(0, NUMBER_BYTES) % slots;
      const skip = 1 + (digest.readUIntBE(NUMBER_BYTES, NUMBER_BYTES) % (slots - 1));
      return { place, weight, quota: 0, slot, skip };
    });
  shareOut(members, slots);
  return members;
}

/** By the largest remainders, of equals to the first; one at least to each. */
function shareOut(members: readonly Member[], slots: number): void {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  let left = slots;
  for (const member of members) {
    member.quota = Math.floor((slots * member.weight) / total);
    left -= member.quota;
  }
  const remainder = ({ weight }: Member) => (slots * weight) % total;
  const byRemainder = [...members].sort((one, other) => remainder(other) - remainder(one));
  for (const member of byRemainder.slice(0, left)) member.quota += 1;
  // Then the table is full before the heaviest have all of theirs.
  for (const member of members) member.quota = Math.max(member.quota, 1);
}

/** Those of one weight have their turns together; the heaviest first. */
function byWeight(members: readonly Member[]): (readonly [number, readonly Member[]])[] {
  const groups = new Map<number, Member[]>();
  for (const member of members) {
    const equals = groups.get(member.weight);
    if (equals === undefined) groups.set(member.weight, [member]);
    else equals.push(member);
  }
  return [...groups.entries()].sort(([one], [other]) => other - one);
}
