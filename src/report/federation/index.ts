export { clients } from './section.ts';
export type { FederationClient, FederationReport } from './types.ts';
export { clientsText, rowOf } from './words.ts';
