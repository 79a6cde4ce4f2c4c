/** The photo model: whether this browser has it, and its download, which somebody has to agree to. */
import { signal } from '@preact/signals';
import { recommendedModel } from '../../catalogue.ts';
import type { Progress } from '../files/download.ts';
import type { Board } from './board.ts';
import type { StudioHost } from './host.ts';
import type { Shelf } from './shelf.ts';
import type { OwnModel } from './types.ts';

/** The recommended one. */
export const PHOTOS = recommendedModel('photos');

/** `owner/name` on the hub. */
export const REPOSITORY = PHOTOS.address.replace(/^hf:/, '');

const KEY = 'photo-model';

export class PhotoModel {
  readonly model = signal<OwnModel | undefined>(undefined);
  /** Whether the page asks for the download. */
  readonly asks = signal(false);
  /** Of the download under way. */
  readonly progress = signal<Progress | undefined>(undefined);
  private ending = new AbortController();

  constructor(
    private readonly shelf: Shelf,
    private readonly host: StudioHost,
    private readonly board: Board,
  ) {}

  async restore(): Promise<void> {
    const [kept] = await this.shelf.get([KEY]);
    this.model.value = kept as OwnModel | undefined;
  }

  /** Asks, unless the model is here. */
  want(): void {
    if (!this.model.value) this.asks.value = true;
  }

  /** Downloads and keeps it. The board shows errors. */
  async download(): Promise<void> {
    if (this.progress.value) return;
    const ending = new AbortController();
    this.ending = ending;
    this.board.clear('photo-model', 'model');
    this.progress.value = { received: 0, total: 0 };
    const onProgress = (progress: Progress) => {
      if (this.ending === ending) this.progress.value = progress;
    };
    try {
      const model = await this.host.photoModel({ onProgress, signal: ending.signal });
      ending.signal.throwIfAborted();
      this.model.value = model;
      this.asks.value = false;
      await this.shelf.put([[KEY, model]]);
    } catch (error) {
      if (!ending.signal.aborted) this.board.fail(this.asks.value ? 'photo-model' : 'model', error);
    } finally {
      if (this.ending === ending) this.progress.value = undefined;
    }
  }

  /** Ends a download, and asks no longer. */
  dismiss(): void {
    this.ending.abort();
    this.progress.value = undefined;
    this.asks.value = false;
    this.board.clear('photo-model');
  }

  /** Of a shelf that was cleared. */
  forget(): void {
    this.dismiss();
    this.model.value = undefined;
  }
}
