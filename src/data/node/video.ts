/** Frames of videos, which ffmpeg decodes in a process of its own. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { ThawError } from '../../errors.ts';
import { maximumPixels, tooLarge } from '../limits.ts';
import type { RawImage } from './decode.ts';

/** Whether a file is a video, by its name. */
export const isVideo = (path: string): boolean =>
  /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|wmv|flv|3gp|mts|m2ts|ogv)$/i.test(path);

export interface VideoFrame {
  /** Seconds from the start. */
  readonly time: number;
  readonly image: RawImage;
}

export interface FrameOptions {
  /** Frames of each second. */
  readonly fps: number;
  readonly signal?: AbortSignal;
}

/**
 * The frames of a video that a viewer sees at 0, 1/fps, 2/fps, … seconds, upright.
 *
 * @throws ThawError `not-found` without ffmpeg, `bad-data` if ffmpeg cannot read the file; the reason of `signal`
 */
export async function* videoFrames(path: string, { fps, signal }: FrameOptions): AsyncGenerator<VideoFrame> {
  // `file:` keeps a name from being an option or an address. The list keeps a playlist from opening addresses.
  const input = ['-protocol_whitelist', 'file', '-i', `file:${path}`];
  // Rounding up shows at each time the last frame that has begun.
  const frames = ['-map', '0:v:0', '-vf', `fps=${fps}:start_time=0:round=up`, '-pix_fmt', 'rgb24'];
  const output = ['-f', 'image2pipe', '-c:v', 'ppm', 'pipe:1'];
  const child = spawn('ffmpeg', ['-nostdin', '-hide_banner', '-v', 'error', ...input, ...frames, ...output], {
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const ended = new Promise<NodeJS.ErrnoException | number | null>((resolve) => {
    child.once('error', resolve).once('close', resolve);
  });
  const messages = text(child.stderr).catch(() => '');
  const stop = () => child.kill();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    let count = 0;
    for await (const image of ppmImages(child.stdout)) yield { time: count++ / fps, image };
    const end = await ended;
    signal?.throwIfAborted();
    if (end instanceof Error) throw notStarted(end);
    const reason = reasonIn(await messages, path);
    if (end !== 0 || count === 0) throw new ThawError('bad-data', `ffmpeg cannot read the video: ${reason}`);
  } finally {
    signal?.removeEventListener('abort', stop);
    child.kill();
  }
}

const notStarted = (error: NodeJS.ErrnoException): unknown =>
  error.code === 'ENOENT'
    ? new ThawError(
        'not-found',
        'videos need ffmpeg, which is not installed',
        'Get it with apt install ffmpeg, brew install ffmpeg, winget install ffmpeg, or from https://ffmpeg.org',
        { cause: error },
      )
    : new ThawError('not-found', `ffmpeg cannot be started: ${error.message}`, undefined, { cause: error });

/** The last line that ffmpeg printed, without the name of the file. */
const reasonIn = (messages: string, path: string): string =>
  messages.trim().split('\n').at(-1)?.replaceAll(`file:${path}: `, '') || 'it has no frames';

/** More characters are not the header of a PPM image. */
const LONGEST_HEADER = 40;

/** The images of a stream of PPM files: `P6`, width, height and 255, then three bytes a pixel. */
export async function* ppmImages(stream: AsyncIterable<Uint8Array>): AsyncGenerator<RawImage> {
  let header = '';
  let image: (RawImage & { readonly data: Uint8Array }) | undefined;
  let filled = 0;
  for await (const chunk of stream)
    for (let at = 0; at < chunk.length; ) {
      if (!image) {
        header += String.fromCharCode(chunk[at++]);
        const [, width, height] = /^P6\s(\d+)\s(\d+)\s255\s$/.exec(header)?.map(Number) ?? [];
        if (width !== undefined) image = emptyImage(width, height);
        else if (header.length > LONGEST_HEADER) throw new ThawError('bad-data', 'ffmpeg wrote no PPM images');
      } else {
        const part = chunk.subarray(at, at + image.data.length - filled);
        image.data.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled < image.data.length) continue;
        yield image;
        [header, image, filled] = ['', undefined, 0];
      }
    }
}

function emptyImage(width: number, height: number) {
  if (width * height > maximumPixels) throw new ThawError('bad-data', tooLarge(width, height));
  return { data: new Uint8Array(3 * width * height), width, height };
}
