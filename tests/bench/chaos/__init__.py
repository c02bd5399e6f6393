"""Whatever can die is killed at random under twenty concurrent jobs; then it is counted what is left."""
