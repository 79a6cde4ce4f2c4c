import { useSignal } from '@preact/signals';
import { hasLiveCamera } from '../camera/camera.ts';
import { useStudio } from '../context.ts';
import { arePhotographs } from '../state/classes.ts';
import { Bars } from './bars.tsx';
import { Choice, type Option } from './choice.tsx';
import { usePrediction } from './prediction.ts';
import { Trouble } from './trouble.tsx';
import { TryCamera, TryDrawing, TryFile } from './try-inputs.tsx';

type Way = 'draw' | 'camera' | 'file';

const WAYS: readonly Option<Way>[] = [
  { value: 'draw', label: 'Draw', icon: 'pen' },
  { value: 'camera', label: 'Camera', icon: 'camera' },
  { value: 'file', label: 'File', icon: 'file' },
];

/** Predictions of new images. */
export function TrySection() {
  const { teaching, collection } = useStudio();
  const chosen = useSignal<Way | undefined>(undefined);
  const way = chosen.value ?? (arePhotographs(collection.classes.value) ? 'file' : 'draw');
  const { prediction, show } = usePrediction();
  const ready = teaching.ready.value;
  const run = teaching.run.value;
  const names = ready ? run.classes : collection.classes.value.map(({ name }) => name);
  // Looks again whenever it has learned more.
  const moment = `${run.phase}/${run.rows.length}`;
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
      {way === 'draw' && <TryDrawing show={show} moment={moment} />}
      {way === 'camera' &&
        (hasLiveCamera() ? <TryCamera show={show} /> : <TryFile show={show} moment={moment} capture />)}
      {way === 'file' && <TryFile key="file" show={show} moment={moment} />}
      <Trouble place="try" />
      <Bars classes={names} prediction={ready ? prediction.value : undefined} />
    </section>
  );
}
