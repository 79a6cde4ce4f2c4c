import { useEffect, useRef } from 'preact/hooks';
import { useStudio } from '../context.ts';
import { drawingBlob } from '../drawing/blob.ts';
import { exampleDrawings } from '../drawing/examples.ts';
import { drawStrokes } from '../drawing/strokes.ts';
import { Icon } from './icon.tsx';

const PIXELS = 112;
const EXAMPLES_EACH = 14;

/** Shown until there are images: the choice between photos and drawings, and an example with one click. */
export function Welcome() {
  const studio = useStudio();
  const loadExamples = async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const drawn = exampleDrawings(EXAMPLES_EACH, seed).map(async ({ name, drawings }) => ({
      name,
      images: await Promise.all(drawings.map(({ strokes, paper }) => drawingBlob(strokes, paper))),
    }));
    const classes = await Promise.all(drawn);
    studio.setup.choose('drawings');
    studio.collection.addClasses(classes);
  };
  const chosen = studio.setup.chosen.value;
  return (
    <div class="welcome">
      <div class="samples" aria-hidden="true">
        {exampleDrawings(1, 7).map(({ name, drawings }) => (
          <Sample key={name} drawing={drawings[0]} />
        ))}
      </div>
      {chosen === undefined && (
        <>
          <p>
            <strong>What do you want to tell apart?</strong>
          </p>
          <div class="starts">
            <button type="button" class="primary" onClick={() => studio.setup.choose('photos')}>
              <Icon name="camera" />
              Photos
            </button>
            <button type="button" class="primary" onClick={() => studio.setup.choose('drawings')}>
              <Icon name="pen" />
              Drawings
            </button>
          </div>
        </>
      )}
      <button type="button" class="quiet" onClick={loadExamples}>
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
