import type { FederationReport } from '../../report/index.ts';
import type { Session, SessionParts } from '../../session/index.ts';
import type { RunWriter } from '../run/index.ts';
import type { About } from './about.ts';
import type { RunRecord } from './record.ts';

/** A session in a run directory. */
export interface TrainingJob {
  readonly session: Session;
  readonly run: RunWriter;
  readonly about: About;
  readonly record: RunRecord;
  /** Report of the clients, if a federation trained the model. */
  readonly federation?: FederationReport;
}

/** A training that has ended or was stopped, for reports: the job, and the parts of its session. */
export type FinishedTraining = Omit<TrainingJob, 'session'> & SessionParts;
