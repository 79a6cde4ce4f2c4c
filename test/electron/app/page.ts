/**
 * The page for the test in Electron itself. A test with the stand-ins runs it first. The main process calls `check`.
 */
import { pickImages, pickModel, startProcess } from '../../../src/electron/client.ts';
import type { OpenRequest } from '../../../src/worker/index.ts';

/** The results, for the test to compare. */
export interface Checked {
  /** The types of globals that a page with access to Node would have. */
  readonly node: readonly string[];
  /** The hash of the trained model, in hexadecimal. */
  readonly sha256: string;
  /** Error codes: for a path that was not picked, and after the process was killed. */
  readonly refused: string;
  readonly ended: string;
}

declare global {
  var check: (settings: OpenRequest['settings']) => Promise<Checked>;
  /** Set when the test may kill the utility process. */
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
  // In the order of `openDataset`.
  const samplesOf = (split: 'train' | 'val') =>
    images
      .filter(({ path }) => /[\\/]val[\\/]/.test(path) === (split === 'val'))
      .map(({ path, folder }) => ({ image: path, label: folder, split }));
  const samples = [...samplesOf('train'), ...samplesOf('val')];
  const request: OpenRequest<'classification'> = { ...(await pickModel())!, samples, settings };
  const training = await client.open(request);
  await training.train();
  const { files } = await training.finish();
  const [, onnx] = files.find(([path]) => path === 'onnx/model.onnx')!;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', onnx as Uint8Array<ArrayBuffer>));
  const refused = await codeOf(training.predict(['/etc/hostname']));
  client.listen(({ type }) => {
    if (type === 'step') globalThis.trainingOn = true;
  });
  const long = await client.open({ ...request, settings: { ...settings, stages: [{ train: 'all', epochs: 5000 }] } });
  return {
    node: ['require', 'process', 'module', 'Buffer'].map((name) => typeof Reflect.get(globalThis, name)),
    sha256: [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    refused,
    ended: await codeOf(long.train()),
  };
};
