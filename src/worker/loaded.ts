import { ThawError } from '../errors.ts';
import { readModel } from '../onnx/index.ts';
import {
  type ExplainOptions,
  type Explanation,
  type LoadedModel,
  loadedModel,
  nounOf,
  Predictor,
  type TopOptions,
} from '../session/index.ts';
import type { Prediction, TaskName } from '../tasks/index.ts';
import type { RemotePlatform } from './platform.ts';
import type { InputHandle, Loaded, LoadRequest, RemoteEvent } from './protocol.ts';
import { checkInputs, filesOf, imagesReader } from './reading.ts';
import type { Turns } from './turns.ts';

interface Entry {
  readonly noun: ReturnType<typeof nounOf>;
  readonly model: LoadedModel<TaskName, InputHandle>;
}

/** Finished models that stay loaded, by number. */
export class LoadedModels {
  private readonly models = new Map<number, Entry>();
  private next = 0;

  constructor(
    private readonly platform: RemotePlatform,
    private readonly turns: Turns,
    private readonly emit: (event: RemoteEvent) => void,
  ) {}

  /** @throws ThawError if the model cannot be used, or has another task */
  async load(request: LoadRequest): Promise<Loaded> {
    const { platform, emit: onEvent } = this;
    const { model: encoded, settings, task = 'classification' } = request;
    const runtime = await platform.runtime(settings?.device ?? 'auto');
    return this.turns.run(async () => {
      const asked = { model: readModel(encoded), files: filesOf(request), task, settings };
      const predictor = await Predictor.open<TaskName>(asked, { runtime, onEvent });
      const id = this.next++;
      const model = loadedModel<TaskName, InputHandle>(predictor, imagesReader(platform));
      this.models.set(id, { noun: nounOf(predictor.parts.format), model });
      return { id, labels: model.labels };
    });
  }

  async predict(
    id: number,
    inputs: readonly InputHandle[],
    { topK }: Partial<TopOptions>,
  ): Promise<readonly Prediction[]> {
    const { noun, model } = this.entry(id);
    checkInputs(inputs, noun, this.platform);
    return this.turns.run(() => (topK === undefined ? model(inputs) : model(inputs, { topK })));
  }

  async explain(id: number, inputs: readonly InputHandle[], options: ExplainOptions): Promise<readonly Explanation[]> {
    const { noun, model } = this.entry(id);
    checkInputs(inputs, noun, this.platform);
    return this.turns.run(() => model.explain(inputs, options));
  }

  /** Once calls that are under way have ended. */
  async unload(id: number): Promise<void> {
    const { model } = this.entry(id);
    this.models.delete(id);
    await this.turns.run(() => model.dispose());
  }

  private entry(id: number): Entry {
    const found = this.models.get(id);
    if (found) return found;
    throw new ThawError('bad-config', 'the model is no longer loaded', 'Load it again');
  }
}
