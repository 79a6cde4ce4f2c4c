/** The projects that this browser keeps. Each has its own part of the shelf, and its own training in the worker. */
import { computed, signal } from '@preact/signals';
import { partOf, type Shelf } from './shelf.ts';

export interface ProjectEntry {
  readonly id: string;
  readonly name: string;
  readonly images: number;
  /** When it changed last, in milliseconds since 1970. */
  readonly changed: number;
}

interface Index {
  readonly current: string;
  readonly entries: readonly ProjectEntry[];
}

const KEY = 'projects';

const fresh = (id: string, name: string): ProjectEntry => ({ id, name, images: 0, changed: Date.now() });

const FIRST: Index = { current: '1', entries: [fresh('1', 'My project')] };

export class Projects {
  private readonly index = signal<Index>(FIRST);
  /** The newest first. */
  readonly entries = computed(() => [...this.index.value.entries].sort((a, b) => b.changed - a.changed));
  readonly current = computed(() => {
    const { current, entries } = this.index.value;
    return entries.find(({ id }) => id === current)!;
  });

  constructor(private readonly shelf: Shelf) {}

  async restore(): Promise<void> {
    const [kept] = await this.shelf.get([KEY]);
    if (kept) this.index.value = kept as Index;
  }

  /** Of the current project. */
  get place(): Shelf {
    return this.placeOf(this.current.value.id);
  }

  placeOf(id: string): Shelf {
    return partOf(this.shelf, `project/${id}/`);
  }

  /** Makes a project, and the current one of it. @param name a number is added if it is taken */
  add(name: string): void {
    const { entries } = this.index.value;
    const id = String(1 + Math.max(0, ...entries.map((entry) => Number(entry.id))));
    this.index.value = { current: id, entries: [...entries, fresh(id, this.freeName(name))] };
  }

  select(id: string): void {
    this.index.value = { ...this.index.value, current: id };
  }

  change(changes: Partial<Pick<ProjectEntry, 'name' | 'images'>>): void {
    const { current, entries } = this.index.value;
    const changed = Date.now();
    this.index.value = {
      current,
      entries: entries.map((entry) => (entry.id === current ? { ...entry, ...changes, changed } : entry)),
    };
  }

  /** Takes another one than the current one off the list. */
  remove(id: string): void {
    const { current, entries } = this.index.value;
    this.index.value = { current, entries: entries.filter((entry) => entry.id !== id) };
  }

  /** Back to a single new project. */
  reset(): void {
    this.index.value = { ...FIRST, entries: [fresh('1', 'My project')] };
  }

  write(): Promise<void> {
    return this.shelf.put([[KEY, this.index.value]]);
  }

  private freeName(wanted: string): string {
    const taken = new Set(this.index.value.entries.map(({ name }) => name));
    if (!taken.has(wanted)) return wanted;
    let number = 2;
    while (taken.has(`${wanted} ${number}`)) number++;
    return `${wanted} ${number}`;
  }
}
