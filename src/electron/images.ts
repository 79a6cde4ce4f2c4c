/** How images cross from the page to the utility process: as bytes, or as paths that were picked in a dialog. */
import { ThawError } from '../errors.ts';
import { type Answer, describe, type ImageHandle, type Port, type Request } from '../worker/index.ts';

/** Electron's message ports know no Blobs. */
type Crossing = Uint8Array | string;

/**
 * The page's end: a Blob's bytes are read before it is sent, one call after the other.
 * @param port whose messages are requests
 */
export function sendingBytes(port: Port): Port {
  let answer: (message: unknown) => void = () => {};
  let sent: Promise<void> = Promise.resolve();
  return {
    ...port,
    post(message) {
      const request = message as Request;
      sent = sent
        .then(() => withImages(request, bytesOf))
        .then(
          (ready) => port.post(ready),
          (error) => answer({ id: request.id, error: describe(error) } satisfies Answer),
        );
    },
    listen(take) {
      answer = take;
      port.listen(take);
    },
  };
}

/**
 * The utility process's end: bytes become Blobs, and a request that names a path which was not picked is answered with an error
 * and seen by nobody else.
 * @param picked may grow
 */
export const admittingPicked = (port: Port, picked: ReadonlySet<string>): Port => ({
  ...port,
  listen: (take) =>
    port.listen(async (message) => {
      const request = message as Request;
      try {
        take(await withImages(request, (image) => admitted(image, picked)));
      } catch (error) {
        port.post({ id: request.id, error: describe(error) } satisfies Answer);
      }
    }),
});

const bytesOf = async (image: ImageHandle): Promise<Crossing> =>
  typeof image === 'string' ? image : new Uint8Array(await image.arrayBuffer());

async function admitted(image: unknown, picked: ReadonlySet<string>): Promise<ImageHandle> {
  if (image instanceof Uint8Array) return new Blob([image as Uint8Array<ArrayBuffer>]);
  if (typeof image === 'string' && picked.has(image)) return image;
  throw new ThawError('bad-data', `the image ${String(image)} was not picked in a dialog`, 'Pick it, or give a Blob');
}

/** The request with each of its images changed. */
async function withImages(request: Request, change: (image: ImageHandle) => Promise<unknown>): Promise<unknown> {
  if (request.method === 'open' || request.method === 'round') {
    const [given] = request.parameters;
    const images = await Promise.all(
      given.images.map(async (labelled) => ({ ...labelled, image: await change(labelled.image) })),
    );
    return { ...request, parameters: [{ ...given, images }] };
  }
  if (request.method === 'predict') {
    const [images] = request.parameters;
    return { ...request, parameters: [await Promise.all(images.map(change))] };
  }
  return request;
}
