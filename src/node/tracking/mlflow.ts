import { env } from 'node:process';
import { requireRequest, ThawError } from '../../errors.ts';
import { MlflowClient, MlflowRefusal } from './mlflow-client.ts';
import { configParameters } from './mlflow-parameters.ts';
import type { TrackedFile, TrackedMetrics, TrackedRun, TrackedStatus, TrackedSweep, TrackerSink } from './sink.ts';

export interface MlflowOptions {
  /** Address of an MLflow server, or `MLFLOW_TRACKING_URI` to take it from this variable. */
  readonly url: string;
  /** Name of the experiment. Thaw creates it if necessary. Default: `thaw`. */
  readonly experiment?: string;
  /** Also stores the model's folder. Default: only the report, the model card and the settings. */
  readonly logModel?: boolean;
}

/** Limits of MLflow's REST interface. */
const LIMITS = { metrics: 1000, parameters: 100 } as const;
/** The tag that identifies a run, even if its id got lost on the way. */
const KEY = 'thaw.key';
const STATUS = { finished: 'FINISHED', interrupted: 'KILLED', failed: 'FAILED' } as const;
/** Scheme of artifacts that the server stores for its clients. */
const PROXIED = 'mlflow-artifacts:';

interface RunInfo {
  readonly info: { readonly run_id: string; readonly artifact_uri: string };
}

/**
 * Logs runs to an MLflow server, through its REST interface: settings, metrics of each epoch, report and model card. Passwords and tokens are
 * those of MLflow's own client: `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`.
 *
 * @example
 * ```ts
 * import { fineTune, mlflow } from 'thaw';
 *
 * const sinks = [mlflow({ url: 'http://127.0.0.1:5000', experiment: 'pets' })];
 * await fineTune({ model: 'default', data: './images', sinks }).result;
 * ```
 * @throws ThawError `bad-config` for an address that cannot be used
 */
export function mlflow(request: MlflowOptions): TrackerSink {
  requireRequest(request);
  const { url, ...options } = request;
  return new MlflowSink(new MlflowClient(addressOf(url)), options);
}

const VARIABLE = 'MLFLOW_TRACKING_URI';

function addressOf(url: string): string {
  if (url !== VARIABLE) return url;
  const found = env[VARIABLE];
  if (found) return found;
  throw new ThawError('bad-config', `${VARIABLE} is not set`, 'Set it, or give the address of the server');
}

class MlflowSink implements TrackerSink {
  readonly name: string;
  private run: RunInfo['info'] | undefined;

  constructor(
    private readonly client: MlflowClient,
    private readonly options: Omit<MlflowOptions, 'url'>,
  ) {
    this.name = `MLflow at ${client.address}`;
  }

  async start(run: TrackedRun): Promise<string> {
    this.run = (run.id ? await this.reopen(run.id) : undefined) ?? (await this.create(run));
    return this.run.run_id;
  }

  async metrics(rows: readonly TrackedMetrics[]): Promise<void> {
    const metrics = rows.flatMap(({ epoch, time, values }) =>
      Object.entries(values).map(([key, value]) => ({ key, value: jsonNumber(value), timestamp: time, step: epoch })),
    );
    for (const part of inParts(metrics, LIMITS.metrics)) await this.log({ metrics: part });
  }

  async artifacts(files: readonly TrackedFile[]): Promise<void> {
    const { artifact_uri: root } = this.run!;
    if (!root.startsWith(PROXIED))
      throw new MlflowRefusal(
        `it stores artifacts at ${root.split(':')[0]}:, where only its own client can write; start it with --artifacts-destination`,
        '',
      );
    const folder = new URL(root).pathname.replace(/^\/+/, '');
    for (const { name, path } of files)
      if (this.options.logModel || LOGGED.includes(name)) await this.client.upload(`${folder}/${name}`, path);
  }

  end(status: TrackedStatus): Promise<void> {
    return this.client.post('runs/update', { run_id: this.run!.run_id, status: STATUS[status], end_time: Date.now() });
  }

  /** Continues a run. @returns undefined if the server has none or deleted it */
  private async reopen(id: string): Promise<RunInfo['info'] | undefined> {
    try {
      const { run } = await this.client.get<{ run: RunInfo & { info: { lifecycle_stage: string } } }>('runs/get', {
        run_id: id,
      });
      if (run.info.lifecycle_stage !== 'active') return undefined;
      await this.client.post('runs/update', { run_id: id, status: 'RUNNING' });
      return run.info;
    } catch (error) {
      if (error instanceof MlflowRefusal && error.code === 'RESOURCE_DOES_NOT_EXIST') return undefined;
      throw error;
    }
  }

  private async create(run: TrackedRun): Promise<RunInfo['info']> {
    const experiment = await this.experiment();
    const parent = run.sweep && (await this.parent(experiment, run.sweep));
    const tags = {
      'mlflow.source.name': 'thaw',
      'mlflow.source.type': 'LOCAL',
      ...(parent && { 'mlflow.parentRunId': parent }),
      ...run.tags,
      [KEY]: run.key,
    };
    const info = (await this.find(experiment, KEY, run.key)) ?? (await this.open(experiment, run.name, tags));
    this.run = info;
    for (const params of inParts(configParameters(run.config), LIMITS.parameters)) await this.log({ params });
    return info;
  }

  /** The run under which MLflow shows the trials of a sweep. It has no metrics, so it is finished at once. */
  private async parent(experiment: string, { name, key }: TrackedSweep): Promise<string> {
    const found = await this.find(experiment, KEY, key);
    if (found) return found.run_id;
    const { run_id } = await this.open(experiment, name, { [KEY]: key });
    await this.client.post('runs/update', { run_id, status: 'FINISHED', end_time: Date.now() });
    return run_id;
  }

  private async open(experiment: string, name: string, tags: Readonly<Record<string, string>>) {
    const { run } = await this.client.post<{ run: RunInfo }>('runs/create', {
      experiment_id: experiment,
      run_name: name,
      start_time: Date.now(),
      tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    });
    return run.info;
  }

  private async find(experiment: string, tag: string, value: string): Promise<RunInfo['info'] | undefined> {
    const { runs } = await this.client.post<{ runs?: RunInfo[] }>('runs/search', {
      experiment_ids: [experiment],
      filter: `tags.\`${tag}\` = '${value}'`,
      max_results: 1,
    });
    return runs?.[0]?.info;
  }

  /** The id of the experiment. */
  private async experiment(): Promise<string> {
    const { experiment: name = 'thaw' } = this.options;
    const find = async () => {
      const { experiment } = await this.client.get<{ experiment: { experiment_id: string; lifecycle_stage: string } }>(
        'experiments/get-by-name',
        { experiment_name: name },
      );
      if (experiment.lifecycle_stage === 'active') return experiment.experiment_id;
      throw new MlflowRefusal(`the experiment ${name} is deleted; restore it, or choose another --experiment`, '');
    };
    try {
      return await find();
    } catch (error) {
      if (!(error instanceof MlflowRefusal && error.code === 'RESOURCE_DOES_NOT_EXIST')) throw error;
    }
    try {
      return (await this.client.post<{ experiment_id: string }>('experiments/create', { name })).experiment_id;
    } catch (error) {
      // Another run has just created it.
      if (error instanceof MlflowRefusal && error.code === 'RESOURCE_ALREADY_EXISTS') return find();
      throw error;
    }
  }

  private log(entries: object): Promise<void> {
    return this.client.post('runs/log-batch', { run_id: this.run!.run_id, ...entries });
  }
}

/** Files that are stored even without the model. */
const LOGGED = ['report.html', 'config.yaml', 'model/README.md'];

/** JSON has no NaN and no infinity; protobuf's JSON writes them as texts. */
const jsonNumber = (value: number): number | string => (Number.isFinite(value) ? value : String(value));

const inParts = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
