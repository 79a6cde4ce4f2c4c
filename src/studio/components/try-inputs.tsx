import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useCamera } from '../camera/camera.ts';
import { useStudio } from '../context.ts';
import { drawingBlob } from '../drawing/blob.ts';
import type { Stroke } from '../drawing/strokes.ts';
import { filesOfTransfer } from '../files/folders.ts';
import { IMAGES_TAKEN, listed, readImages, urlOf } from '../files/images.ts';
import { CameraView } from './camera-view.tsx';
import { DrawingPad } from './drawing-pad.tsx';
import { useFilesInput } from './files-input.tsx';
import { Icon } from './icon.tsx';
import type { Show } from './prediction.ts';

interface InputProps {
  /** Asks about an image, or clears the answer. */
  readonly show: Show;
  /** What lies over the image. */
  readonly children?: ComponentChildren;
  /** Changes whenever the model does. */
  readonly moment?: string;
}

/** Milliseconds between looks at what changes. */
const PAUSE = 120;

export function TryDrawing({ show, moment, children }: InputProps) {
  const strokes = useSignal<readonly Stroke[]>([]);
  const drawn = strokes.value;
  useEffect(() => {
    if (!drawn.length) return void show(undefined);
    const timer = setTimeout(async () => show(await drawingBlob(drawn)), PAUSE);
    return () => clearTimeout(timer);
  }, [drawn, moment, show]);
  return (
    <DrawingPad label="Something new" strokes={strokes}>
      {children}
    </DrawingPad>
  );
}

export function TryCamera({ show, children }: InputProps) {
  const camera = useCamera();
  const take = useRef(camera.take);
  take.current = camera.take;
  useEffect(() => {
    let gone = false;
    const look = async () => {
      const image = await take.current();
      if (image && !gone) await show(image, true);
      if (!gone) setTimeout(look, PAUSE);
    };
    void look();
    return () => {
      gone = true;
    };
  }, [show]);
  return <CameraView camera={camera}>{children}</CameraView>;
}

interface FileProps extends InputProps {
  /** Whether a phone takes a photo with its own camera instead. */
  readonly capture?: boolean;
}

export function TryFile({ show, moment, capture, children }: FileProps) {
  const { board } = useStudio();
  const image = useSignal<Blob | undefined>(undefined);
  const shown = image.value;

  useEffect(() => {
    void show(shown);
  }, [shown, moment, show]);

  const take = async (files: readonly File[]) => {
    if (!files.length) return;
    board.clear('try');
    const { images, refused } = await readImages(files.slice(0, 1));
    if (refused.length) board.show('try', { message: `${listed(refused)} cannot be read.`, hint: IMAGES_TAKEN });
    else image.value = images[0];
  };
  const { ask, input } = useFilesInput({ accept: 'image/*', capture }, take);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one way more; the button is for all
    <div
      class="camera drop"
      onDragOver={(event) => event.preventDefault()}
      onDrop={async (event) => {
        event.preventDefault();
        if (event.dataTransfer) await take((await filesOfTransfer(event.dataTransfer)).map(({ file }) => file));
      }}
      onPaste={async ({ clipboardData }) => take(Array.from(clipboardData?.files ?? []))}
    >
      {shown && <img src={urlOf(shown)} alt="What it looks at" />}
      {children}
      <button type="button" class={shown ? 'quiet corner' : 'secondary'} onClick={ask}>
        <Icon name={capture ? 'camera' : 'file'} />
        {shown ? 'Another' : capture ? 'Take a photo' : 'Choose an image'}
      </button>
      {!shown && !capture && <p class="hint dropping">or drop it here, or paste it</p>}
      {input}
    </div>
  );
}
