/** A fake of a browser's decoder and canvas with sharp, to test our requests to them. */
import sharp from 'sharp';
import { vi } from 'vitest';

interface FakeBitmap {
  readonly width: number;
  readonly height: number;
  /** RGBA. */
  readonly data: Uint8Array;
  close(): void;
}

export interface FakeBrowser {
  readonly asked: ImageBitmapOptions[];
  /** Number of open bitmaps, and the maximum so far. */
  open: number;
  mostOpen: number;
}

/** @param shrinks before or after rotation, or not at all, like different browsers */
export function fakeBrowser(shrinks: 'before' | 'after' | 'never' = 'after'): FakeBrowser {
  const state: FakeBrowser = { asked: [], open: 0, mostOpen: 0 };

  async function createImageBitmap(source: Blob, options: ImageBitmapOptions = {}): Promise<FakeBitmap> {
    state.asked.push(options);
    const bytes = new Uint8Array(await source.arrayBuffer());
    const resizeWidth = shrinks === 'never' ? undefined : options.resizeWidth;
    const fail = () => {
      throw new DOMException('The source image could not be decoded.', 'InvalidStateError');
    };
    const turn = (image: Uint8Array) => sharp(image).autoOrient().keepMetadata().png().toBuffer().catch(fail);
    const shrink = (image: Uint8Array) => sharp(image).resize(resizeWidth).keepMetadata().png().toBuffer().catch(fail);
    const made = shrinks === 'before' ? await turn(await shrink(bytes)) : await shrink(await turn(bytes));
    const { data, info } = await sharp(made).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    state.open++;
    state.mostOpen = Math.max(state.mostOpen, state.open);
    return { data, width: info.width, height: info.height, close: () => state.open-- };
  }

  class OffscreenCanvas {
    private pixels = new Uint8ClampedArray();
    constructor(
      public width: number,
      public height: number,
    ) {}

    getContext() {
      return this;
    }

    set fillStyle(colour: string) {
      if (colour !== '#fff') throw new Error(colour);
    }

    fillRect() {
      this.pixels = new Uint8ClampedArray(this.width * this.height * 4).fill(255);
    }

    drawImage(bitmap: FakeBitmap, left: number, top: number) {
      for (let y = 0; y < this.height; y++) {
        for (let x = 0; x < this.width; x++) {
          if (y - top >= bitmap.height || x - left >= bitmap.width) continue;
          const from = ((y - top) * bitmap.width + x - left) * 4;
          const to = (y * this.width + x) * 4;
          const alpha = bitmap.data[from + 3] / 255;
          for (let c = 0; c < 3; c++)
            this.pixels[to + c] = alpha * bitmap.data[from + c] + (1 - alpha) * this.pixels[to + c];
        }
      }
    }

    getImageData(_left: number, _top: number, width: number, height: number) {
      return { data: this.pixels.slice(0, width * height * 4) };
    }
  }

  vi.stubGlobal('createImageBitmap', createImageBitmap);
  vi.stubGlobal('OffscreenCanvas', OffscreenCanvas);
  return state;
}
