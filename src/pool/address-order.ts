/** Which address of a backend is tried first: what was found, and what experience says of it. */
import { alternateFamilies } from '../engine/alternate-families.js';
import type { ResolvedAddress } from '../model/address.js';

/**
 * Those that were demoted come after all others, in the order in which they were. The families take turns within each of
 * the two, and not across: nobody meets an address that failed before one that did not.
 */
export class AddressOrder {
  #good: readonly ResolvedAddress[];
  #demoted: readonly ResolvedAddress[] = [];
  #listed: readonly ResolvedAddress[];

  constructor(addresses: readonly ResolvedAddress[]) {
    this.#good = addresses;
    this.#listed = this.without([]);
  }

  /** In the order to try them. */
  get listed(): readonly ResolvedAddress[] {
    return this.#listed;
  }

  /** The order that it would be without some of them. */
  without(some: readonly ResolvedAddress[]): readonly ResolvedAddress[] {
    const isLeft = (address: ResolvedAddress) => !some.includes(address);
    return [this.#good, this.#demoted].flatMap((part) => alternateFamilies(part.filter(isLeft)));
  }

  /** @returns whether the order is another one now */
  demote(slow: ResolvedAddress): boolean {
    const known = this.#listed.find((address) => isSame(address, slow));
    if (known === undefined) return false;
    const isOther = (address: ResolvedAddress) => address !== known;
    return this.#set(this.#good.filter(isOther), [...this.#demoted.filter(isOther), known]);
  }

  /**
   * Those that are new come first. What is not found any more is forgotten.
   *
   * @returns how many are new, and whether the order is another one now
   */
  replace(found: readonly ResolvedAddress[]): { fresh: number; isChanged: boolean } {
    const isIn = (list: readonly ResolvedAddress[]) => (address: ResolvedAddress) =>
      list.some((other) => isSame(address, other));
    const isKnown = isIn(this.#listed);
    const fresh = found.filter((address) => !isKnown(address));
    const good = [...fresh, ...this.#good.filter(isIn(found))];
    const isChanged = this.#set(good, this.#demoted.filter(isIn(found)));
    return { fresh: fresh.length, isChanged };
  }

  #set(good: readonly ResolvedAddress[], demoted: readonly ResolvedAddress[]): boolean {
    // The whole list may stay as it is while what is left without some of them does not.
    const isChanged = !areSame(good, this.#good) || !areSame(demoted, this.#demoted);
    this.#good = good;
    this.#demoted = demoted;
    this.#listed = this.without([]);
    return isChanged;
  }
}

/** Whether two lists have the same addresses in the same order. */
export function areSame(
  one: readonly ResolvedAddress[],
  other: readonly ResolvedAddress[],
): boolean {
  const isSameAt = (address: ResolvedAddress, index: number) => {
    const there = other[index];
    return there !== undefined && isSame(address, there);
  };
  return one.length === other.length && one.every(isSameAt);
}

/** Two resolved addresses of one backend. */
function isSame(one: ResolvedAddress, other: ResolvedAddress): boolean {
  return one.kind === 'tcp' && other.kind === 'tcp' && one.ip === other.ip;
}
