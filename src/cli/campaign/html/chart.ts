import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent } from "echarts/components";
import { init, use, type EChartsCoreOption } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

const WIDTH = 720;

/** What a chart shows, without colours of text and lines: those come with the theme. */
export interface Chart {
  readonly title: string;
  readonly height: number;
  readonly option: EChartsCoreOption;
}

/** Colours that depend on what is behind the chart; series choose colours that do well on both. */
const THEMES = {
  light: { text: "#333333", line: "#c8ccd0", grid: "#e6e8ea" },
  dark: { text: "#d5d8db", line: "#5a6067", grid: "#343a40" },
} as const;

/** Draws a chart as a string of SVG. It holds no script and refers to nothing outside. */
export function drawChart(chart: Chart, theme: keyof typeof THEMES): string {
  use([BarChart, LineChart, GridComponent, LegendComponent, SVGRenderer]);
  const drawing = init(null, themeOf(THEMES[theme]), {
    renderer: "svg",
    ssr: true,
    width: WIDTH,
    height: chart.height,
  });
  try {
    drawing.setOption({ animation: false, useUTC: true, backgroundColor: "transparent", ...chart.option });
    return drawing.renderToSVGString({ useViewBox: true });
  } finally {
    drawing.dispose();
  }
}

function themeOf({ text, line, grid }: { text: string; line: string; grid: string }): object {
  const axis = {
    axisLine: { lineStyle: { color: line } },
    axisTick: { lineStyle: { color: line } },
    axisLabel: { color: text },
    nameTextStyle: { color: text },
    splitLine: { lineStyle: { color: grid } },
  };
  return {
    textStyle: { fontFamily: "system-ui, sans-serif" },
    legend: { textStyle: { color: text } },
    categoryAxis: { ...axis, splitLine: { show: false } },
    valueAxis: axis,
    timeAxis: { ...axis, splitLine: { show: false } },
    bar: { label: { color: text } },
  };
}
