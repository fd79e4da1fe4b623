"""Cloud 66's REST API and its Faye push channel over the world, written from the contract."""
