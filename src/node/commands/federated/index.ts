export { type FederatedAppRequest, writeFederatedApp } from './app.ts';
export { type FinishFederationRequest, finishFederation } from './finish.ts';
export { type JoinHooks, type JoinRequest, joinFederation } from './join.ts';
export type { SuperLinkAddress } from './transport.ts';
