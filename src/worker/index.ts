/** Training at the other end of a channel: a worker, a worker thread, a utility process. */
export { connect, type RemoteClient } from './client.ts';
export { trainingEnded } from './ended.ts';
export { answersBy, type OwnPart, type RoundClient } from './federated.ts';
export { emitterPort, type Port, webPort } from './port.ts';
export type {
  Answer,
  Finished,
  ImageHandle,
  LabelledImage,
  Mistake,
  Opened,
  OpenRequest,
  Predicted,
  RemoteError,
  RemoteEvent,
  RemoteRoundRequest,
  Request,
} from './protocol.ts';
export { describe, revive } from './remote-error.ts';
export { type RemotePlatform, serve } from './server.ts';
export type { ProjectStore } from './store.ts';
