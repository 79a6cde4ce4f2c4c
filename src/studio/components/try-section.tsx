import { useSignal } from '@preact/signals';
import { hasLiveCamera } from '../camera/camera.ts';
import { useStudio } from '../context.ts';
import { arePhotographs, learnedOf } from '../state/classes.ts';
import { Bars } from './bars.tsx';
import { Choice, type Option } from './choice.tsx';
import { Overlay } from './overlay.tsx';
import { usePrediction } from './prediction.ts';
import { Trouble } from './trouble.tsx';
import { TryCamera, TryDrawing, TryFile } from './try-inputs.tsx';

type Way = 'draw' | 'camera' | 'file';

const WAYS: readonly Option<Way>[] = [
  { value: 'draw', label: 'Draw', icon: 'pen' },
  { value: 'camera', label: 'Camera', icon: 'camera' },
  { value: 'file', label: 'File', icon: 'file' },
];

/** Predictions of new images, and what in the images speaks for them. */
export function TrySection() {
  const { teaching, collection } = useStudio();
  const chosen = useSignal<Way | undefined>(undefined);
  const why = useSignal(false);
  const classes = collection.classes.value;
  const way = chosen.value ?? (arePhotographs(classes) ? 'file' : 'draw');
  const { prediction, explanation, show } = usePrediction(why);
  const ready = teaching.ready.value;
  const finished = teaching.result.value !== undefined;
  const run = teaching.run.value;
  const names = ready ? run.classes : learnedOf(classes).map(({ name }) => name);
  // Looks again whenever it has learned more.
  const moment = `${run.phase}/${run.rows.length}`;
  const map = finished ? explanation.value : undefined;
  const overlay = map && <Overlay pixels={map.pixels} />;
  const input = { show, moment, children: overlay };
  const isLive = way === 'camera' && hasLiveCamera();
  return (
    <section id="try" aria-labelledby="try-title">
      <h2 id="try-title">
        <span class="number">3</span> Try
      </h2>
      <p class="lead">
        {ready ? 'Show it something new, and watch it make up its mind.' : 'Train first; then show it something new.'}
      </p>
      <Choice
        label="How to show it something"
        value={way}
        options={WAYS}
        onChoose={(value) => {
          chosen.value = value;
          void show(undefined);
        }}
      />
      {way === 'draw' && <TryDrawing {...input} />}
      {way === 'camera' && (isLive ? <TryCamera {...input} /> : <TryFile {...input} capture />)}
      {way === 'file' && <TryFile key="file" {...input} />}
      {finished && (
        <label class="why">
          <input
            type="checkbox"
            checked={why.value}
            onChange={({ currentTarget }) => {
              why.value = currentTarget.checked;
            }}
          />
          <span>Why?</span>
          {/* Words on each frame of a video would be too many. */}
          <small aria-live="polite">
            {map && !isLive ? map.words : 'Marks the parts of the image that speak for the answer.'}
          </small>
        </label>
      )}
      <Trouble place="try" />
      <Bars classes={names} prediction={ready ? prediction.value : undefined} />
    </section>
  );
}
