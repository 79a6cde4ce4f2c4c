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
  /** If many machines trained it. */
  readonly federation?: FederationReport;
}

/** A training that ended, or was asked to, as reports read it: the job with the parts of its session. */
export type FinishedTraining = Omit<TrainingJob, 'session'> & SessionParts;
