/**
 * For a page in Electron: training in the utility process, and files by dialogs. No Node, nothing of Electron's.
 *
 * @module thaw/electron/client
 */
import { ThawError } from '../errors.ts';
import { connect, type Port, type RemoteClient, type RemoteError, revive, webPort } from '../worker/index.ts';
import {
  BRIDGE,
  type Bridge,
  CHANNELS,
  type ModelFiles,
  type PickedImage,
  type PickedModel,
  type PickedText,
  type PickOptions,
  type Reply,
} from './channels.ts';
import { fromElectronPage } from './sending.ts';

export { overlayPixels } from '../data/index.ts';
export type { ModelFiles, PickedImage, PickedModel, PickedText, PickOptions } from './channels.ts';

const exposed = () => (globalThis as { readonly [BRIDGE]?: Bridge })[BRIDGE];

/** Whether this page has the preload script. */
export const inElectron = (): boolean => exposed() !== undefined;

function bridge(): Bridge {
  const found = exposed();
  if (found) return found;
  throw new ThawError(
    'device',
    'this page has no utility process to train in',
    'Load thaw/electron/preload in its window',
  );
}

async function resultOf<T>(answer: Promise<Reply<T>>): Promise<T> {
  const reply = await answer;
  if ('error' in reply) throw revive(reply.error);
  return reply.result;
}

let started = 0;

/**
 * Starts a utility process that trains with onnxruntime-node, in place of the one that this page had, and gives a client of it. It
 * accepts paths that `pickImages` gave. If the process ends without being asked to, calls are rejected with a ThawError `ended` that says
 * why.
 *
 * @throws ThawError `device` if the page has no preload script
 */
export const startProcess = (): RemoteClient => connect(processPort(bridge(), started++), fromElectronPage);

/** Messages wait until the ports are there. */
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
  // `ended` rejects the calls that wait.
  const quietly = (done: Promise<void>) => void done.catch(() => undefined);
  return {
    post: (message) => quietly(training.then((port) => port.post(message))),
    listen: (take) => quietly(training.then((port) => port.listen(take))),
    close: () => quietly(training.then((port) => port.close())),
    ended: (take) => void supervision.then((port) => port.listen((error) => take(revive(error as RemoteError))), take),
  };
}

/** Asks for images, or for folders of them. @returns none if the dialog was dismissed */
export const pickImages = (options?: PickOptions): Promise<readonly PickedImage[]> =>
  resultOf(bridge().pickImages(options));

/** Asks for `.txt` files, or for folders of them, and reads them. @returns none if the dialog was dismissed */
export const pickTexts = (options?: PickOptions): Promise<readonly PickedText[]> =>
  resultOf(bridge().pickTexts(options));

/**
 * Asks for an `.onnx` file, and reads the JSON files next to it. @returns undefined if the dialog was dismissed
 * @throws ThawError `bad-model`
 */
export const pickModel = (): Promise<PickedModel | undefined> => resultOf(bridge().pickModel());

/**
 * Asks for a folder and writes a new one into it with the files that `finish` gave. @returns its path, undefined if the dialog was dismissed
 * @throws ThawError `run-directory` if it cannot be written
 */
export const saveModel = (files: ModelFiles): Promise<string | undefined> => resultOf(bridge().saveModel(files));
