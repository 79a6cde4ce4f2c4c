/** How images cross from the page to the utility process: as bytes, or as paths that were picked in a dialog. */
import { ThawError } from '../errors.ts';
import { asGiven } from '../worker/index.ts';

/** Electron's message ports know no Blobs. */
export const fromElectronPage: typeof asGiven = {
  ...asGiven,
  inputs: (inputs) =>
    Promise.all(
      inputs.map(async (input) => (input instanceof Blob ? new Uint8Array(await input.arrayBuffer()) : input)),
    ),
};

/** Refuses a path that the user did not pick. @param picked may grow */
export const pickedOnly =
  (picked: ReadonlySet<string>) =>
  (path: string): void => {
    if (picked.has(path)) return;
    throw new ThawError('bad-data', `the image ${path} was not picked in a dialog`, 'Pick it, or give a Blob');
  };
