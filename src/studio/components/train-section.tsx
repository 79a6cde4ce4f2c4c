import { percent } from '../../report/format.ts';
import { useStudio } from '../context.ts';
import { epochsDone } from '../state/run.ts';
import { Curves } from './curves.tsx';
import { useKeptFocus } from './focus.ts';
import { Icon } from './icon.tsx';
import { Layers } from './layers.tsx';
import { ModelChoice } from './model-choice.tsx';
import { MoreSettings } from './more-settings.tsx';
import { Progress } from './progress.tsx';
import { Trouble } from './trouble.tsx';

/** The training: its model, its settings and its progress. */
export function TrainSection() {
  const studio = useStudio();
  const { teaching } = studio;
  const run = teaching.run.value;
  const result = teaching.result.value;
  return (
    <section id="train" aria-labelledby="train-title">
      <h2 id="train-title">
        <span class="number">2</span> Train
      </h2>
      <p class="lead">It starts frozen, and thaws layer by layer. It learns here, on this device.</p>
      <ModelChoice />
      <MoreSettings />
      <Trouble place="train" />
      <Controls />
      {result && <Score stale={studio.changed.value} />}
      <Layers run={run} />
      <Curves run={run} />
    </section>
  );
}

/** The buttons that start and hold the training. The focus stays here when they change. */
function Controls() {
  const studio = useStudio();
  const { teaching } = studio;
  const run = teaching.run.value;
  const again = teaching.result.value !== undefined;
  const resting = run.phase === 'resting';
  const area = useKeptFocus<HTMLDivElement>();
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would have a legend and disable its buttons
    <div class="controls" ref={area} tabIndex={-1} role="group" aria-label="Training">
      {teaching.busy.value ? (
        <Progress />
      ) : (
        <>
          {resting && <Resting rounds={epochsDone(run)} />}
          <button
            type="button"
            class={`${again || resting ? 'secondary' : 'primary'} wide`}
            onClick={() => studio.train()}
          >
            <Icon name="play" />
            {resting ? 'Start again instead' : again ? 'Train again' : 'Train'}
          </button>
        </>
      )}
    </div>
  );
}

function Resting({ rounds }: { readonly rounds: number }) {
  const { teaching } = useStudio();
  return (
    <>
      <p class="note">The page was closed in the middle of training, after round {rounds}. Nothing is lost.</p>
      <button type="button" class="primary wide" onClick={() => teaching.resume()}>
        <Icon name="play" />
        Continue
      </button>
    </>
  );
}

function Score({ stale }: { readonly stale: boolean }) {
  const { teaching } = useStudio();
  const result = teaching.result.value!;
  const { right, all, low, high } = result.score;
  return (
    <p class="score">
      <b>{Math.round((100 * right) / Math.max(1, all))}%</b>
      <span>
        {right} of the {all} images that were held back from the training are right. Of further images like these,
        expect {percent(low, 0)} to {percent(high, 0)} (95% interval).
        {stale && ' The images have changed since: train again to use them.'}
      </span>
    </p>
  );
}
