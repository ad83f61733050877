"""What watches Labelyard from outside: Prometheus' rules, Grafana's dashboard."""
