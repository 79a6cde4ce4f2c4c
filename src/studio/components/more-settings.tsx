import { plural } from '../../report/format.ts';
import { useStudio } from '../context.ts';
import { MOST_EPOCHS } from '../state/settings.ts';
import type { StudioSettings } from '../state/types.ts';

const VARIATIONS: Record<StudioSettings['variation'], string> = {
  none: 'Not at all',
  gentle: 'A little: turned, moved, zoomed',
  photos: 'As photos: cut, mirrored, brighter, darker',
  strong: 'A lot',
};
const PRESETS: Record<StudioSettings['preset'], string> = {
  gradual: 'Step by step, the last layers first',
  'head-only': 'The last layer only',
  full: 'All layers from the start',
};
const DEVICES: Record<StudioSettings['device'], string> = {
  auto: 'Whatever is best',
  cpu: 'Processor',
  webgpu: 'Graphics card (WebGPU)',
};

/** For those who want to know. */
export function MoreSettings() {
  const studio = useStudio();
  const settings = studio.setup.settings.value;
  const isChanged = Object.keys(studio.setup.changes.value).length > 0;
  return (
    <details class="settings">
      <summary>
        More <small>{plural(settings.epochs, 'round')}</small>
      </summary>
      <fieldset disabled={studio.teaching.busy.value}>
        <legend class="unseen">Settings</legend>
        <label>
          <span>Rounds</span>
          <small>How often it looks at every image.</small>
          <input
            type="number"
            inputMode="numeric"
            min={1}
            max={MOST_EPOCHS}
            value={settings.epochs}
            onInput={({ currentTarget: { valueAsNumber: rounds } }) => {
              if (Number.isInteger(rounds) && rounds >= 1 && rounds <= MOST_EPOCHS)
                studio.setup.set({ epochs: rounds });
            }}
            onChange={({ currentTarget }) => {
              const rounds = Math.round(currentTarget.valueAsNumber) || settings.epochs;
              studio.setup.set({ epochs: Math.min(MOST_EPOCHS, Math.max(1, rounds)) });
              currentTarget.value = String(studio.setup.settings.value.epochs);
            }}
          />
        </label>
        <Select
          label="Vary the images"
          about="So that it learns the thing, not the image."
          names={VARIATIONS}
          value={settings.variation}
          onChoose={(variation) => studio.setup.set({ variation })}
        />
        <Select
          label="Thaw"
          about="Which of its layers learn, and when."
          names={PRESETS}
          value={settings.preset}
          onChoose={(preset) => studio.setup.set({ preset })}
        />
        <Select
          label="Compute on"
          about="For the drawings model, which is small, the processor is enough."
          names={DEVICES}
          value={settings.device}
          onChoose={(device) => studio.setup.set({ device })}
        />
        {/* Always there: a button that appears would move the one below from under the pointer. */}
        <button type="button" class="quiet" disabled={!isChanged} onClick={() => studio.setup.resetSettings()}>
          Back to the usual settings
        </button>
      </fieldset>
    </details>
  );
}

interface SelectProps<T extends string> {
  readonly label: string;
  readonly about: string;
  readonly names: Readonly<Record<T, string>>;
  readonly value: T;
  readonly onChoose: (value: T) => void;
}

function Select<T extends string>({ label, about, names, value, onChoose }: SelectProps<T>) {
  return (
    <label>
      <span>{label}</span>
      <small>{about}</small>
      <select value={value} onChange={({ currentTarget }) => onChoose(currentTarget.value as T)}>
        {Object.entries<string>(names).map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
