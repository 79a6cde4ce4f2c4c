import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { useCamera } from '../camera/camera.ts';
import { useStudio } from '../context.ts';
import { titleOf } from '../state/classes.ts';
import type { StudioClass } from '../state/types.ts';
import { CameraView } from './camera-view.tsx';
import { Dialog } from './dialog.tsx';
import { Icon } from './icon.tsx';

/** Milliseconds between two images while the button is held. */
const EVERY = 160;

/** Images of the camera into a class, for as long as a button (or the space bar on it) is held. */
export function CameraDialog({ entry, onClose }: { readonly entry: StudioClass; readonly onClose: () => void }) {
  const studio = useStudio();
  const camera = useCamera();
  const held = useSignal(false);
  const timer = useRef<ReturnType<typeof setInterval> | undefined>(undefined);
  const takeRef = useRef(camera.take);
  takeRef.current = camera.take;

  const take = async () => {
    const blob = await takeRef.current();
    if (blob) studio.collection.addImages(entry.id, [blob]);
  };
  const release = () => {
    clearInterval(timer.current);
    timer.current = undefined;
    held.value = false;
  };
  const hold = () => {
    if (timer.current !== undefined) return;
    held.value = true;
    void take();
    timer.current = setInterval(take, EVERY);
  };
  useEffect(() => release, []);

  const isTrigger = ({ key }: KeyboardEvent) => key === ' ' || key === 'Enter';
  const count = entry.images.length;
  return (
    <Dialog title={`Take images of “${titleOf(entry)}”`} onClose={onClose}>
      <CameraView camera={camera} />
      <footer>
        <button
          type="button"
          class={`primary hold ${held.value ? 'held' : ''}`}
          disabled={!camera.ready}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            hold();
          }}
          onPointerUp={release}
          onPointerCancel={release}
          onContextMenu={(event) => event.preventDefault()}
          onKeyDown={(event) => {
            if (!isTrigger(event)) return;
            event.preventDefault();
            hold();
          }}
          onKeyUp={(event) => isTrigger(event) && release()}
          onBlur={release}
          // A screen reader clicks without pressing anything.
          onClick={({ detail }) => detail === 0 && void take()}
        >
          <Icon name="camera" />
          Hold to take many
        </button>
        <p aria-live="polite">{count === 1 ? '1 image' : `${count} images`} so far. Move and turn it while you hold.</p>
      </footer>
    </Dialog>
  );
}
