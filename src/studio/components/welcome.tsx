import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { exampleDrawings } from '../drawing/examples.ts';
import { drawStrokes } from '../drawing/strokes.ts';
import { Icon } from './icon.tsx';

const PIXELS = 112;

/** Shown while there are no images: one click shows an example of everything. */
export function Welcome({ onExamples }: { readonly onExamples: () => Promise<void> }) {
  const busy = useSignal(false);
  return (
    <div class="welcome">
      <div class="samples" aria-hidden="true">
        {exampleDrawings(1, 7).map(({ name, drawings }) => (
          <Sample key={name} drawing={drawings[0]} />
        ))}
      </div>
      <p>
        <strong>New here?</strong> Start with six little drawings and see it learn.
      </p>
      <button
        type="button"
        class="primary"
        disabled={busy.value}
        onClick={async () => {
          busy.value = true;
          await onExamples();
        }}
      >
        <Icon name="spark" />
        Try it with drawings
      </button>
    </div>
  );
}

type Drawing = ReturnType<typeof exampleDrawings>[number]['drawings'][number];

function Sample({ drawing }: { readonly drawing: Drawing }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    drawStrokes(canvas.current!.getContext('2d')!, drawing.strokes, drawing.paper);
  }, [drawing]);
  return <canvas ref={canvas} width={PIXELS} height={PIXELS} />;
}
