/** Converts the record of a federation to the parts of a run: stages, rows, and the clients' part of the report. */
import { selectionText } from '../../../compiler/surgery/index.ts';
import { own } from '../../../own.ts';
import type { FederationReport } from '../../../report/index.ts';
import type { Prepared } from '../../../session/index.ts';
import type { Metric, Scores } from '../../../tasks/index.ts';
import {
  type EpochRow,
  layersOf,
  planStages,
  type StageInfo,
  type TrainingConfig,
  trainingPlan,
} from '../../../training/index.ts';
import type { FederationRecord, RecordedClient, RecordedRound } from './record.ts';

/** The stages that had rounds, with their settings and the total epochs per client. */
export function stageSettings(rounds: readonly RecordedRound[]) {
  const numbers = [...new Set(rounds.map(({ stage }) => stage))].sort((a, b) => a - b);
  return numbers.map((stage) => {
    const own = rounds.filter((round) => round.stage === stage);
    const epochs = own.reduce((all, { settings }) => all + settings.stages[0].epochs, 0);
    return { ...own.at(-1)!.settings.stages[0], epochs, stage };
  });
}

/** @param config with the stages of `stageSettings` */
export function stageInfos(
  { network, anatomy, config }: Pick<Prepared, 'network' | 'anatomy'> & { readonly config: TrainingConfig },
  rounds: readonly RecordedRound[],
): StageInfo[] {
  const plans = planStages(config, anatomy).map((stage) =>
    trainingPlan(config, stage, anatomy, anatomy.head.graphOutput),
  );
  const settings = stageSettings(rounds);
  return settings.map(({ stage, train, lr }, i) => ({
    stage: i + 1,
    stages: settings.length,
    train: selectionText(train),
    ...layersOf(network, anatomy, plans[i], plans.slice(0, i)),
    epochs: rounds.filter((round) => round.stage === stage).length,
    lr: lr ?? config.lr,
  }));
}

type Part = 'train' | 'val';

/** A client's scores. Missing numbers are NaN. */
const scoresOf = (client: RecordedClient | undefined, part: Part): Scores | undefined => {
  const { examples: _, ...scores } = client?.[part] ?? {};
  const numbers = Object.fromEntries(Object.entries(scores).map(([name, value]) => [name, value ?? Number.NaN]));
  return Object.keys(numbers).length ? { loss: Number.NaN, ...numbers } : undefined;
};

const weightOf = (client: RecordedClient, part: Part): number => client[part]?.examples ?? client.examples ?? 0;

/** Mean over the clients, weighted by samples. It has the scores that at least half of the clients report. */
function meanOf(clients: readonly RecordedClient[], part: Part, metric: Metric): Scores {
  const reported = clients.flatMap((client) => {
    const scores = scoresOf(client, part);
    return scores ? [{ scores, weight: weightOf(client, part) }] : [];
  });
  const having = (name: string) => reported.filter(({ scores }) => Number.isFinite(scores[name]));
  const names = new Set(['loss', metric.key, ...reported.flatMap(({ scores }) => Object.keys(scores))]);
  const mean = (name: string) => {
    const own = having(name);
    const total = own.reduce((all, { weight }) => all + weight, 0);
    return total ? own.reduce((all, { scores, weight }) => all + (weight / total) * scores[name]!, 0) : Number.NaN;
  };
  const common = [...names].filter((name) => 2 * having(name).length >= reported.length);
  return Object.fromEntries(
    [...new Set(['loss', metric.key, ...common])].map((name) => [name, mean(name)]),
  ) as unknown as Scores;
}

/** The clients that measured the state of round `i` (from 0), at the start of the next round or in the last evaluation. */
const measuring = ({ rounds, evaluation }: FederationRecord, i: number): readonly RecordedClient[] =>
  rounds[i + 1]?.clients ?? evaluation?.clients ?? [];

/** One row per round. */
export function rowsOf(record: FederationRecord, stages: readonly StageInfo[], metric: Metric): EpochRow[] {
  const numbers = stageSettings(record.rounds).map(({ stage }) => stage);
  return record.rounds.map(({ round, stage, settings, seconds, clients }, i) => ({
    epoch: round,
    stage: numbers.indexOf(stage) + 1,
    trainable: stages[numbers.indexOf(stage)].trainable,
    lr: settings.stages[0].lr,
    train: meanOf(clients, 'train', metric),
    val: meanOf(measuring(record, i), 'val', metric),
    seconds,
  }));
}

const STRATEGIES: Readonly<Record<string, string>> = { fedavg: 'FedAvg', fedprox: 'FedProx', fedadam: 'FedAdam' };

/** Client names: registered names, else numbers in order of appearance. */
function namesOf(clients: readonly RecordedClient[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const { client, name } of clients) if (!names.has(client)) names.set(client, name ?? `client ${names.size + 1}`);
  return names;
}

const byName = ([, a]: readonly [string, string], [, b]: readonly [string, string]): number =>
  a.localeCompare(b, 'en', { numeric: true });

export function federationOf(record: FederationRecord, metric: Metric): FederationReport {
  const { rounds, evaluation, sittings } = record;
  const exchanges = [...rounds, ...(evaluation ? [evaluation] : [])];
  const names = namesOf(exchanges.flatMap(({ clients }) => clients));
  const sum = (clients: readonly RecordedClient[], way: 'down' | 'up') =>
    clients.reduce((all, client) => all + client[way], 0);
  const of = (id: string, clients: readonly RecordedClient[]) => clients.find(({ client }) => client === id);
  const { name = 'fedavg', ...given } = sittings.at(-1)?.strategy ?? {};
  const options = Object.entries(given).map(([option, value]) => `${option} ${value}`);
  return {
    strategy: `${own(STRATEGIES, name) ?? name}${options.length ? ` (${options.join(', ')})` : ''}`,
    metric,
    clients: [...names].sort(byName).map(([id, client]) => {
      const own = exchanges.flatMap(({ clients }) => of(id, clients) ?? []);
      return {
        name: client,
        examples: rounds.map(({ clients }) => of(id, clients)?.examples).findLast((n) => n !== undefined) ?? 0,
        rounds: rounds.filter(({ clients }) => of(id, clients)?.dropped === undefined && of(id, clients)).length,
        losses: rounds.map(({ clients }) => scoresOf(of(id, clients), 'train')?.loss ?? Number.NaN),
        reached: rounds.map((_, i) => scoresOf(of(id, measuring(record, i)), 'val')?.[metric.key] ?? Number.NaN),
        down: sum(own, 'down'),
        up: sum(own, 'up'),
      };
    }),
    down: rounds.map(({ clients }) => sum(clients, 'down')),
    up: rounds.map(({ clients }) => sum(clients, 'up')),
    dropped: exchanges.flatMap(({ type, round, clients }) =>
      clients.flatMap(({ client, dropped }) =>
        dropped === undefined
          ? []
          : [{ round: type === 'round' ? round : null, client: names.get(client)!, why: dropped }],
      ),
    ),
    held: [...names.keys()].reduce(
      (all, id) => all + (exchanges.map(({ clients }) => of(id, clients)?.val?.examples).findLast((n) => n) ?? 0),
      0,
    ),
  };
}
