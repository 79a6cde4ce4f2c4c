import { useStudio } from '../context.ts';
import { epochsDone, epochsPlanned, progress, secondsLeft } from '../state/run.ts';
import { Icon } from './icon.tsx';
import { timeLeft } from './words.ts';

/** How far it is, how long it takes, and the buttons that hold it. */
export function Progress() {
  const { teaching } = useStudio();
  const run = teaching.run.value;
  const { phase } = run;
  const round = epochsDone(run) + 1;
  const planned = epochsPlanned(run);
  const running = phase === 'training' || phase === 'paused';
  const text =
    phase === 'opening'
      ? 'Getting ready …'
      : phase === 'stopping'
        ? 'Stopping …'
        : phase === 'finishing'
          ? 'Checking what it has learned …'
          : `Round ${Math.min(round, planned)} of ${planned}`;
  const left = phase === 'training' ? secondsLeft(run) : undefined;
  const share = phase === 'finishing' ? 1 : progress(run);
  return (
    <div class="progress">
      <p>
        <strong>{phase === 'paused' ? `Paused in round ${round}` : text}</strong>
        <span>{left === undefined ? '' : timeLeft(left)}</span>
      </p>
      <progress
        aria-label="Training"
        {...(phase === 'opening' || phase === 'finishing' ? {} : { value: share, max: 1 })}
      />
      <div class="row">
        {phase === 'paused' ? (
          <button type="button" class="primary" onClick={() => teaching.resume()}>
            <Icon name="play" />
            Continue
          </button>
        ) : (
          <button type="button" class="secondary" disabled={!running} onClick={() => teaching.pause()}>
            <Icon name="pause" />
            Pause
          </button>
        )}
        <button type="button" class="quiet" disabled={!running && phase !== 'opening'} onClick={() => teaching.stop()}>
          <Icon name="stop" />
          Stop here
        </button>
      </div>
    </div>
  );
}
