/** The page that is tried in Electron itself, and before that with the stand-ins. `check` is called from outside. */
import { pickImages, pickModel, startProcess } from '../../../src/electron/client.ts';
import type { OpenRequest } from '../../../src/worker/index.ts';

/** What came out, for the test to judge. */
export interface Checked {
  /** Of what a page with Node would have, its types. */
  readonly node: readonly string[];
  /** Of the trained model, in hexadecimal. */
  readonly sha256: string;
  /** Codes of the errors: for a path that was not picked, after the process was killed. */
  readonly refused: string;
  readonly ended: string;
}

declare global {
  var check: (settings: OpenRequest['settings']) => Promise<Checked>;
  /** Set when it is time to kill the utility process. */
  var trainingOn: boolean | undefined;
}

const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'none',
    ({ code }) => code,
  );

globalThis.check = async (settings) => {
  const client = startProcess();
  const images = await pickImages({ folders: true });
  const classes = [...new Set(images.map(({ folder }) => folder))].sort();
  // As `openDataset` lists them.
  const order = (validation: boolean) =>
    images
      .filter(({ path }) => /[\\/]val[\\/]/.test(path) === validation)
      .map(({ path, folder }) => ({ image: path, label: classes.indexOf(folder), validation }));
  const { name: _, ...model } = (await pickModel())!;
  const request: OpenRequest = { ...model, classes, images: [...order(false), ...order(true)], settings };
  await client.open(request);
  await client.train();
  const { files } = await client.finish();
  const [, onnx] = files.find(([path]) => path === 'onnx/model.onnx')!;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', onnx as Uint8Array<ArrayBuffer>));
  const refused = await codeOf(client.predict(['/etc/hostname']));
  client.listen(({ type }) => {
    if (type === 'step') globalThis.trainingOn = true;
  });
  await client.open({ ...request, settings: { ...settings, stages: [{ train: 'all', epochs: 5000 }] } });
  return {
    node: ['require', 'process', 'module', 'Buffer'].map((name) => typeof Reflect.get(globalThis, name)),
    sha256: [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    refused,
    ended: await codeOf(client.train()),
  };
};
