import { strToU8 } from 'fflate';

/**
 * A `fetch` that finds the files of a finished model at an address, for programs that load models by address, such as transformers.js with
 * its `env.fetch`.
 *
 * @param files of `finish()`
 * @param at the address of the folder, relative to the page's or absolute. The answer for a file below it that the model lacks is 404
 * @param otherwise for every other address
 */
export function modelFetch(
  files: Iterable<readonly [path: string, contents: Uint8Array | string]>,
  at: string,
  otherwise: typeof fetch = (...request) => fetch(...request),
): typeof fetch {
  const contents = new Map(files);
  const folder = new URL(at.endsWith('/') ? at : `${at}/`, location.href).href;
  return async (input, init) => {
    const { href } = new URL(input instanceof Request ? input.url : input, location.href);
    if (!href.startsWith(folder)) return otherwise(input, init);
    const file = contents.get(decodeURIComponent(href.slice(folder.length)));
    if (file === undefined) return new Response(null, { status: 404 });
    const body = typeof file === 'string' ? strToU8(file) : file;
    return new Response(body as Uint8Array<ArrayBuffer>, { headers: { 'Content-Length': String(body.length) } });
  };
}
