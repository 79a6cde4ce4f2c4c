/** Training at the other end of a channel: a worker, a worker thread, a utility process. */
export { connect, type RemoteClient } from './client.ts';
export { emitterPort, type Port, webPort } from './port.ts';
export type {
  Finished,
  LabelledPicture,
  Mistake,
  Opened,
  OpenRequest,
  PictureHandle,
  Predicted,
  RemoteEvent,
} from './protocol.ts';
export { type RemotePlatform, serve } from './server.ts';
export type { ProjectStore } from './store.ts';
