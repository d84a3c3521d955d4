"""A page on which one drags a recipe and sees the losses move (`cptlaw explore`).

Everything up to `figures` is plain functions of frozen values and is tested without a browser;
`server` lays them on a few addresses, and the files in `assets` are the page.
"""
