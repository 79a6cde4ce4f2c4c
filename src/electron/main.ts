import { fileURLToPath } from 'node:url';
import type { BrowserWindow, IpcMainInvokeEvent } from 'electron';
import { ThawError } from '../errors.ts';
import { describe } from '../worker/index.ts';
import { CHANNELS, type ModelFiles, type PickOptions, type Reply } from './channels.ts';
import { pickImages, pickModel, pickTexts, saveModel } from './dialogs.ts';
import { TrainingProcess } from './training-process.ts';

/** Path of the preload script, for `webPreferences`. */
export const preload: string = fileURLToPath(new URL('./preload.cjs', import.meta.url));

/** A `BrowserWindow`, described so that these types hold without Electron's. */
export interface TrainingWindow {
  readonly webContents: {
    /** Electron's `IpcMain` of the window. */
    readonly ipc: object;
    /** Sends a message to the window's page. */
    postMessage(channel: string, message: unknown): void;
  };
  /** Calls the listener when the window is closed. */
  once(event: 'closed', listener: () => void): unknown;
  /** Removes the listener. */
  off(event: 'closed', listener: () => void): unknown;
}

/** Whose page may train, and where its projects are. */
export interface TrainingOptions {
  /** The window whose page may train. It has `preload` as its preload script. */
  readonly window: TrainingWindow;
  /** Of the page, such as `app://studio`; any other page in the window is refused. */
  readonly origin: string;
  /** Folder that projects are kept in, such as one in `app.getPath('userData')`. */
  readonly projects: string;
  /** The utility process's script, if a bundler makes it from `thaw/electron/host`. */
  readonly host?: string;
}

/** A window whose page may train. */
export interface Training {
  /** Ends the utility process, if there is one, and answers no more requests. */
  end(): void;
}

/**
 * Lets a window's page train: whenever it asks, a utility process is forked for it, in place of the one before. The page names no files
 * but those that its user picked in a dialog.
 */
export function startTraining({ window: given, origin, projects, host }: TrainingOptions): Training {
  // Only Electron makes such windows.
  const window = given as BrowserWindow;
  const { webContents } = window;
  const { ipc } = webContents;
  const picked = new Set<string>();
  let training: TrainingProcess | undefined;

  function answer<P extends readonly unknown[], T>(channel: string, handler: (...parameters: P) => Promise<T>): void {
    ipc.handle(channel, async ({ senderFrame }: IpcMainInvokeEvent, ...parameters): Promise<Reply<T>> => {
      try {
        if (senderFrame?.parent !== null || senderFrame.origin !== origin) {
          throw new ThawError('bad-config', `only the page of ${origin} may train`, "Check startTraining's origin");
        }
        return { result: await handler(...(parameters as unknown as P)) };
      } catch (error) {
        return { error: describe(error) };
      }
    });
  }

  answer(CHANNELS.start, async (id: number) => {
    training?.end();
    training = new TrainingProcess({ projects, host, allowed: [...picked] });
    webContents.postMessage(CHANNELS.ports, Number(id), training.ports);
  });
  answer(CHANNELS.pickImages, async (options?: PickOptions) => {
    const images = await pickImages(window, options);
    const paths = images.map(({ path }) => path);
    for (const path of paths) picked.add(path);
    await training?.allow(paths);
    return images;
  });
  answer(CHANNELS.pickTexts, (options?: PickOptions) => pickTexts(window, options));
  answer(CHANNELS.pickModel, () => pickModel(window));
  answer(CHANNELS.saveModel, (files: ModelFiles) => saveModel(window, files));

  const end = () => {
    training?.end();
    training = undefined;
  };
  window.once('closed', end);
  return {
    end() {
      end();
      window.off('closed', end);
      const { ports: _, ...answered } = CHANNELS;
      for (const channel of Object.values(answered)) ipc.removeHandler(channel);
    },
  };
}
