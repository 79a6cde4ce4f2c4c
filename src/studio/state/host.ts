import type { ModelRequest, RemoteClient } from '../../worker/index.ts';
import type { DownloadOptions } from '../files/download.ts';
import type { OwnModel } from './types.ts';

/** The world outside of the page's state. */
export interface StudioHost {
  /** Starts a worker (or a process) that trains. */
  start(): RemoteClient;
  /** The embedded model, as `open` takes it. */
  embedded(): Promise<ModelRequest>;
  /** Downloads the photo model. @throws ThawError `network` */
  photoModel(options: DownloadOptions): Promise<OwnModel>;
  /** The model of the command that serves the page, if it has one. */
  readonly served?: ServedModel;
  /** Addresses of the page for other devices, the likeliest to work first. */
  readonly network: readonly string[];
  /** Whether the worker keeps trainings. */
  readonly keeps: boolean;
  /** Deletes the copy of the page for visits without a network. */
  clearPage(): Promise<void>;
}

export interface ServedModel {
  readonly name: string;
  /** @throws ThawError `network` */
  load(options: DownloadOptions): Promise<OwnModel>;
}
