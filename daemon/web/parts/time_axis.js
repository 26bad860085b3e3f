// The axis of times to wait. A median and the slowest of a hundred differ by powers of ten: on an even axis the median
// would lie on the ground.
const kTicks = [1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 12e4, 6e5, 18e5, 72e5, 36e6]; // ms

export function timeAxis(axis, values) {
  const known = values.filter((value) => value > 0);
  const min = kTicks.findLast((tick) => tick <= Math.min(...known)) ?? kTicks[0];
  const max = kTicks.find((tick) => tick > min && tick >= Math.max(...known)) ?? kTicks.at(-1);
  return { ...axis, type: "logarithmic", min, max, ticks: { ...axis.ticks, autoSkip: false },
    afterBuildTicks: (scale) => { scale.ticks = kTicks.filter((tick) => tick >= min && tick <= max).map((value) => ({ value })); } };
}
