/** How pictures cross from the page to the utility process: as bytes, or as paths that were picked in a dialog. */
import { ThawError } from '../errors.ts';
import { type Answer, describe, type PictureHandle, type Port, type Request } from '../worker/index.ts';

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
        .then(() => withPictures(request, bytesOf))
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
        take(await withPictures(request, (picture) => admitted(picture, picked)));
      } catch (error) {
        port.post({ id: request.id, error: describe(error) } satisfies Answer);
      }
    }),
});

const bytesOf = async (picture: PictureHandle): Promise<Crossing> =>
  typeof picture === 'string' ? picture : new Uint8Array(await picture.arrayBuffer());

async function admitted(picture: unknown, picked: ReadonlySet<string>): Promise<PictureHandle> {
  if (picture instanceof Uint8Array) return new Blob([picture as Uint8Array<ArrayBuffer>]);
  if (typeof picture === 'string' && picked.has(picture)) return picture;
  throw new ThawError(
    'bad-data',
    `the picture ${String(picture)} was not picked in a dialog`,
    'Pick it, or give a Blob',
  );
}

/** The request with each of its pictures changed. */
async function withPictures(request: Request, change: (picture: PictureHandle) => Promise<unknown>): Promise<unknown> {
  if (request.method === 'open' || request.method === 'round') {
    const [given] = request.parameters;
    const pictures = await Promise.all(
      given.pictures.map(async (labelled) => ({ ...labelled, picture: await change(labelled.picture) })),
    );
    return { ...request, parameters: [{ ...given, pictures }] };
  }
  if (request.method === 'predict') {
    const [pictures] = request.parameters;
    return { ...request, parameters: [await Promise.all(pictures.map(change))] };
  }
  return request;
}
