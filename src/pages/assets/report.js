'use strict';
// Values under the pointer. The charts say the same without it: axes, legend, and tables of numbers.
for (const figure of document.querySelectorAll('figure[data-chart]')) {
  const data = JSON.parse(figure.dataset.chart);
  const [left, right, top, bottom, width] = data.frame;
  const [xLow, xHigh, yLow, yHigh] = data.range;
  const toX = (x) => left + (x - xLow) / (xHigh - xLow) * (right - left);
  const toY = (y) => bottom - (y - yLow) / (yHigh - yLow) * (bottom - top);
  const svg = figure.querySelector('svg');
  const shown = document.createElementNS(svg.namespaceURI, 'g');
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  svg.append(shown);
  figure.append(tip);

  const draw = (tag, attributes) => {
    const element = document.createElementNS(svg.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    shown.append(element);
  };
  const nearest = (xs, x) => {
    let best = 0;
    for (let i = 1; i < xs.length; ++i) if (Math.abs(xs[i] - x) < Math.abs(xs[best] - x)) best = i;
    return best;
  };
  const number = (y) => data.percent ? (100 * y).toFixed(1) + '\u00a0%' : String(Number(y.toPrecision(4)));
  const hide = () => { shown.replaceChildren(); tip.hidden = true; };

  const show = (event) => {
    const box = svg.getBoundingClientRect();
    const scale = width / box.width;
    const x = xLow + ((event.clientX - box.left) * scale - left) / (right - left) * (xHigh - xLow);
    hide();
    const lines = [];
    let at = 0;
    data.series.forEach((series, index) => {
      const i = nearest(series.x, x);
      if (index === 0) {
        at = toX(series.x[i]);
        const epoch = series.epoch.length ? ', epoch ' + Number(series.epoch[i].toFixed(2)) : '';
        lines.push('step ' + series.x[i] + epoch);
        draw('line', {class: 'hair', x1: at, x2: at, y1: top, y2: bottom});
      }
      draw('circle', {class: 'spot s' + series.colour, cx: toX(series.x[i]), cy: toY(series.y[i]), r: 4});
      const where = data.series.length > 1 && series.x[i] !== data.series[0].x[nearest(data.series[0].x, x)] ? ' (step ' + series.x[i] + ')' : '';
      lines.push(series.name + ' ' + number(series.y[i]) + where);
    });
    tip.replaceChildren(...lines.map((line) => Object.assign(document.createElement('div'), {textContent: line})));
    tip.hidden = false;
    const inFigure = box.left - figure.getBoundingClientRect().left + at / scale;
    const beside = at > (left + right) / 2 ? inFigure - tip.offsetWidth - 12 : inFigure + 12;
    tip.style.left = Math.max(4, beside) + 'px';
    tip.style.top = (box.top - figure.getBoundingClientRect().top + top / scale) + 'px';
  };
  svg.addEventListener('pointermove', show);
  svg.addEventListener('pointerdown', show);
  svg.addEventListener('pointerleave', hide);
}
