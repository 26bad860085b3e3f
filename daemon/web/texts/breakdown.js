import { addTexts } from "../parts/texts.js";

addTexts({
  en: {
    brkBy: "By", brkOver: "{measure} over time", brkShare: "Share of {measure}", brkTable: "All by {kind}", brkSearch: "Search names",
    brkNoFit: "No name contains “{search}”.", brkNoFitHint: "Search for a part of a name, or take the search away.", brkOf: "{first}–{last} of {all}",
    brkFound: "{n} found", brkFoundFirst: "{n} found among the first {all}", brkNext: "Next", brkPrevious: "Previous", brkPages: "Pages",
    brkNoTags: "No channel has a tag.", brkNoTagsHint: "Tags are given to channels on the gateway.",
  },
  zh: {
    brkBy: "维度", brkOver: "{measure}趋势", brkShare: "{measure}占比", brkTable: "按{kind}汇总", brkSearch: "搜索名称",
    brkNoFit: "没有名称包含“{search}”。", brkNoFitHint: "请搜索名称的一部分，或清除搜索。", brkOf: "第 {first}–{last} 项，共 {all} 项",
    brkFound: "找到 {n} 项", brkFoundFirst: "在前 {all} 项中找到 {n} 项", brkNext: "下一页", brkPrevious: "上一页", brkPages: "分页",
    brkNoTags: "没有渠道设置标签。", brkNoTagsHint: "标签在网关的渠道上设置。",
  },
});
