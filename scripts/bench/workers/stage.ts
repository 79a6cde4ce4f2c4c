/** One stage of a training with Thaw's defaults and the same rate for every layer, in Node and in a page. */
import { elementCount } from '../../../src/onnx/index.ts';
import type { Runtime } from '../../../src/runtime/index.ts';
import type { Prepared } from '../../../src/session/index.ts';
import { classification } from '../../../src/tasks/index.ts';
import { CompiledStage, parseConfig, trainingPlan, trainingSchema } from '../../../src/training/index.ts';

export interface TrainingOf {
  readonly selection: string;
  readonly lr: number;
}

function planOf({ anatomy }: Prepared, { selection, lr }: TrainingOf) {
  const config = parseConfig(trainingSchema, { trainable: selection, lr, pretrainedRate: 1 });
  const [stage] = [{ train: selection, epochs: 1 }];
  return trainingPlan(config, stage, anatomy, anatomy.head.graphOutput);
}

/** The names of the parameters in a selection, and the number of their elements. */
export function trainableOf(prepared: Prepared, training: TrainingOf): { names: string[]; elements: number } {
  const names = [...planOf(prepared, training).trainable];
  const { initializers } = prepared.network.model.graph;
  return { names, elements: names.reduce((all, name) => all + elementCount(initializers.get(name)!.shape), 0) };
}

export function compileStage(prepared: Prepared, training: TrainingOf, runtime: Runtime): Promise<CompiledStage> {
  const classes = Array.from({ length: prepared.anatomy.head.classes }, (_, i) => String(i));
  return CompiledStage.compile({
    network: prepared.network,
    plan: planOf(prepared, training),
    task: classification(classes),
    runtime,
    seed: 0,
  });
}
