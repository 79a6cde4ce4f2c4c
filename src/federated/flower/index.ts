/** A node of a Flower federation without Python, for the app of `thaw federated init`. */
export { type AskedRound, answerOf, readAskedRound } from './app.ts';
export type { AppMessage, NodeEvent } from './events.ts';
export { identityOf, type NodeIdentity, newIdentity } from './identity.ts';
export { type NodeOptions, runNode } from './node.ts';
export type { Content, FlowerRecord, RecordValue } from './records.ts';
export { FLOWER, fetchTransport, readWithin, type Transport } from './superlink.ts';
