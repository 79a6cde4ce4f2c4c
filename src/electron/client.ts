/** For a page in Electron: training in the utility process, and files by dialogs. No Node, nothing of Electron's. */
import { ThawError } from '../errors.ts';
import { connect, type Port, type RemoteClient, type RemoteError, revive, webPort } from '../worker/index.ts';
import {
  BRIDGE,
  type Bridge,
  CHANNELS,
  type ModelFiles,
  type PickedImage,
  type PickedModel,
  type PickImagesOptions,
  type Reply,
} from './channels.ts';
import { sendingBytes } from './images.ts';

export type { ModelFiles, PickedImage, PickedModel, PickImagesOptions } from './channels.ts';

const given = () => (globalThis as { readonly [BRIDGE]?: Bridge })[BRIDGE];

/** Whether the preload script has been here. */
export const inElectron = (): boolean => given() !== undefined;

function bridge(): Bridge {
  const found = given();
  if (found) return found;
  throw new ThawError(
    'device',
    'this page has no utility process to train in',
    'Load thaw/electron/preload in its window',
  );
}

async function resultOf<T>(asked: Promise<Reply<T>>): Promise<T> {
  const reply = await asked;
  if ('error' in reply) throw revive(reply.error);
  return reply.result;
}

let started = 0;

/**
 * Starts a utility process that trains with onnxruntime-node, in place of the one that this page had, and gives a client of it. Paths
 * are taken if `pickImages` gave them. If the process ends by itself, calls are rejected with a ThawError `ended` that says why.
 *
 * @throws ThawError `device` where the page has no preload script
 */
export const startProcess = (): RemoteClient => connect(sendingBytes(processPort(bridge(), started++)));

/** What is sent before the ports are there waits for them. */
function processPort({ start }: Bridge, id: number): Port {
  const arrived = new Promise<readonly MessagePort[]>((resolve, reject) => {
    const take = ({ source, data, ports }: MessageEvent) => {
      if (source !== window || data?.type !== CHANNELS.ports || data.id !== id) return;
      window.removeEventListener('message', take);
      resolve(ports);
    };
    window.addEventListener('message', take);
    resultOf(start(id)).catch(reject);
  });
  const training = arrived.then(([port]) => webPort(port));
  const supervision = arrived.then(([, port]) => webPort(port));
  // Who waits for an answer is told by `ended`.
  const quietly = (done: Promise<void>) => void done.catch(() => undefined);
  return {
    post: (message) => quietly(training.then((port) => port.post(message))),
    listen: (take) => quietly(training.then((port) => port.listen(take))),
    close: () => quietly(training.then((port) => port.close())),
    ended: (take) => void supervision.then((port) => port.listen((error) => take(revive(error as RemoteError))), take),
  };
}

/** Asks for images, or for folders of them. @returns none where the dialog was dismissed */
export const pickImages = (options?: PickImagesOptions): Promise<readonly PickedImage[]> =>
  resultOf(bridge().pickImages(options));

/**
 * Asks for an `.onnx` file. @returns undefined where the dialog was dismissed
 * @throws ThawError `bad-model`
 */
export const pickModel = (): Promise<PickedModel | undefined> => resultOf(bridge().pickModel());

/**
 * Asks for a folder and writes a new one into it with the files that `finish` gave. @returns its path, undefined where the dialog was
 * dismissed
 * @throws ThawError `run-directory` where it cannot be written
 */
export const saveModel = (files: ModelFiles): Promise<string | undefined> => resultOf(bridge().saveModel(files));
