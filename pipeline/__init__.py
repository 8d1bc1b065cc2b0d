"""From a composed config to a report: config -> plan -> sweep -> evaluate -> store -> report."""
