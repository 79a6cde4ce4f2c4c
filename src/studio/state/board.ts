import { signal } from '@preact/signals';
import { problemOf } from './problems.ts';
import type { Place, Problem } from './types.ts';

/** Errors, by the place that shows them. */
export class Board {
  readonly problems = signal<Readonly<Partial<Record<Place, Problem>>>>({});

  show(place: Place, problem: Problem): void {
    this.problems.value = { ...this.problems.value, [place]: problem };
  }

  /** @param error shown as `problemOf` puts it */
  fail(place: Place, error: unknown): void {
    this.show(place, problemOf(error));
  }

  clear(...places: readonly Place[]): void {
    const rest = Object.entries(this.problems.value).filter(([place]) => !places.includes(place as Place));
    if (rest.length < Object.keys(this.problems.value).length) this.problems.value = Object.fromEntries(rest);
  }

  clearAll(): void {
    this.problems.value = {};
  }
}
