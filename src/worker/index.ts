/** Training at the other end of a channel: a worker, a worker thread, a utility process. */
export { asGiven, connect, type ModelSource, type RemoteClient, type RemoteTraining, type Sending } from './client.ts';
export { trainingEnded } from './ended.ts';
export { answersBy, type OwnPart, type RoundClient } from './federated.ts';
export { FILES_AROUND, type FolderFiles, withFolder } from './model-files.ts';
export type { RemotePlatform } from './platform.ts';
export { emitterPort, type Port, webPort } from './port.ts';
export type {
  Answer,
  Finished,
  ImageHandle,
  InputHandle,
  LabelIssue,
  LabelledSample,
  LoadRequest,
  Mistake,
  ModelRequest,
  Opened,
  OpenRequest,
  RemoteError,
  RemoteEvent,
  RemoteRoundRequest,
  Request,
} from './protocol.ts';
export { describe, revive } from './remote-error.ts';
export { serve } from './server.ts';
export type { ProjectStore } from './store.ts';
